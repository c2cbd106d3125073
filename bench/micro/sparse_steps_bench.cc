// The steps between stored csr and a layout, on chunks of 64 rows of 600 values
// of 30,000 columns, which stay in the cache: each step alone, and the usual
// chain of counts (normalise, log1p, 2,000 columns of 30,000). Then numbers
// that are indices: 64 rows of 32 float64, half of them pads.
#include "column/sparse_steps.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "column/row_indices.h"

namespace {

using headrace::ColumnView;
using headrace::DType;
using headrace::Field;
using headrace::Layout;
using headrace::LayoutKind;
using headrace::SparseSteps;

constexpr uint64_t kRows = 64;
constexpr uint64_t kPerRow = 600;
constexpr uint64_t kWidth = 30'000;

void count_values(benchmark::State& state, uint64_t per_row) {
  const auto rows = static_cast<double>(state.iterations()) * static_cast<double>(kRows);
  state.counters["ns_per_value"] =
      benchmark::Counter(rows * static_cast<double>(per_row) * 1e-9,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

// What is measured: from which values, for which layout of float32.
struct Case {
  std::string name;
  DType stored;
  LayoutKind kind;
  SparseSteps steps;
};

void apply_steps(benchmark::State& state, const Case& test) {
  const DType stored = test.stored;
  const Layout layout = {.kind = test.kind,
                         .dtype = DType::kFloat32,
                         .steps = test.steps,
                         .index_dtype = DType::kInt32};
  const Field field = {.name = "x",
                       .dtype = stored,
                       .row_shape = {},
                       .kind = headrace::ColumnKind::kCsr,
                       .index_dtype = DType::kInt32,
                       .width = kWidth};
  std::mt19937_64 random(1);
  std::vector<int64_t> offsets = {0};
  std::vector<int32_t> indices;
  std::vector<float> numbers;
  for (uint64_t row = 0; row < kRows; ++row) {
    for (uint64_t i = 0; i < kPerRow; ++i) {
      indices.push_back(static_cast<int32_t>(random() % kWidth));
      numbers.push_back(static_cast<float>(1 + random() % 9));
    }
    std::sort(indices.end() - static_cast<int64_t>(kPerRow), indices.end());
    offsets.push_back(static_cast<int64_t>(indices.size()));
  }
  std::vector<std::byte> values(numbers.size() * headrace::dtype_size(stored));
  headrace::Conversion(std::vector{DType::kFloat32, stored})
      .apply(reinterpret_cast<const std::byte*>(numbers.data()), values.data(), numbers.size());
  const ColumnView rows = {.rows = kRows,
                           .values = values.data(),
                           .offsets = reinterpret_cast<const std::byte*>(offsets.data()),
                           .indices = reinterpret_cast<const std::byte*>(indices.data()),
                           .elements = indices.size()};
  headrace::SparseTransform transform(field, layout);
  ColumnView result;
  for (auto _ : state) {
    if (transform.apply(rows, {}, result)) state.SkipWithError("an index is outside the width");
    benchmark::ClobberMemory();
  }
  count_values(state, kPerRow);
}

void read_float_indices(benchmark::State& state) {
  constexpr uint64_t kNumbers = 32;
  std::mt19937_64 random(1);
  std::vector<double> numbers(kRows * kNumbers, -1);
  for (uint64_t i = 0; i < numbers.size(); ++i) {
    if (i % kNumbers < kNumbers / 2) numbers[i] = static_cast<double>(random() % 1024);
  }
  const Field field = {.name = "x", .dtype = DType::kFloat64, .row_shape = {kNumbers}};
  std::vector<int64_t> offsets(kRows + 1);
  std::vector<int32_t> indices(numbers.size());
  for (auto _ : state) {
    if (read_indices(
            field, {.width = 1024, .pad = -1},
            {.rows = kRows, .values = reinterpret_cast<const std::byte*>(numbers.data())},
            {.offsets = offsets.data(), .indices = reinterpret_cast<std::byte*>(indices.data())})) {
      state.SkipWithError("a number is no index");
    }
    benchmark::ClobberMemory();
  }
  count_values(state, kNumbers);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  std::vector<uint64_t> columns(2000);
  for (uint64_t i = 0; i < columns.size(); ++i) columns[i] = i * 15;
  const auto selected = std::make_shared<const headrace::ColumnSelection>(columns, kWidth);
  const SparseSteps counts = {.total = 1e4, .log1p = true};
  const SparseSteps few_counts = {.total = 1e4, .log1p = true, .selected = selected};
  const std::vector<Case> cases = {
      {"cast", DType::kUint16, LayoutKind::kDense, {}},
      {"scale", DType::kFloat32, LayoutKind::kDense, {.scale = 0.5}},
      {"total", DType::kFloat32, LayoutKind::kDense, {.total = 1e4}},
      {"log1p", DType::kFloat32, LayoutKind::kDense, {.log1p = true}},
      {"columns", DType::kFloat32, LayoutKind::kDense, {.selected = selected}},
      {"total_log1p", DType::kFloat32, LayoutKind::kDense, counts},
      {"total_log1p_columns", DType::kFloat32, LayoutKind::kDense, few_counts},
      {"total_log1p_columns", DType::kUint16, LayoutKind::kDense, few_counts},
      {"as_stored", DType::kFloat32, LayoutKind::kCsr, {}},
      {"ones", DType::kFloat32, LayoutKind::kCsr, {.binary = true}},
  };
  for (const Case& test : cases) {
    const std::string name = test.name + "/" + headrace::dtype_name(test.stored) + "/" +
                             headrace::layout_name(test.kind);
    benchmark::RegisterBenchmark(name.c_str(), [test](auto& state) { apply_steps(state, test); });
  }
  benchmark::RegisterBenchmark("read_indices/float64", read_float_indices);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
