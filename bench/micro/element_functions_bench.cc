// Functions and casts of float32 on rows of 64 numbers, 16 rows at a time as a gather has them, for
// each set of vector instructions that this processor has: 256 rows, which stay in the cache.
#include "column/element_functions.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include <benchmark/benchmark.h>

#include "column/casts.h"

namespace {

using headrace::AlignedDoubles;
using headrace::DType;
using headrace::ElementFunction;
using headrace::KernelRows;
using headrace::RowPair;
using headrace::VectorSet;

constexpr uint64_t kRows = 256;
constexpr uint64_t kWidth = 64;

template <typename ApplyToRows>
void apply_to_rows(benchmark::State& state, uint64_t out_size, const ApplyToRows& apply) {
  constexpr uint64_t kAtOnce = 16;
  std::vector<float> numbers(kRows * kWidth);
  for (size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = static_cast<float>(i * 2654435761U % 100'003) * 0.01F;
  }
  std::vector<std::byte> out(numbers.size() * out_size);
  std::vector<RowPair> rows(kRows);
  for (uint64_t row = 0; row < kRows; ++row) {
    rows[row] = {.from = reinterpret_cast<const std::byte*>(numbers.data() + row * kWidth),
                 .to = out.data() + row * kWidth * out_size,
                 .ahead = nullptr};
  }
  for (auto _ : state) {
    for (uint64_t row = 0; row < kRows; row += kAtOnce) {
      apply({.rows = std::span(rows).subspan(row, kAtOnce), .elements = kWidth});
    }
    benchmark::ClobberMemory();
  }
  state.counters["ns_per_row"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * kRows * 1e-9,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void apply_function(benchmark::State& state, const ElementFunction& function, VectorSet set) {
  const auto kernel = headrace::kernel_of(function, DType::kFloat32, set);
  apply_to_rows(state, sizeof(float), [&](const KernelRows& rows) { kernel(rows, function); });
}

void apply_cast(benchmark::State& state, DType dtype, VectorSet set) {
  apply_to_rows(state, headrace::dtype_size(dtype),
                headrace::cast_kernel(DType::kFloat32, dtype, set));
}

void register_all(VectorSet set) {
  constexpr const char* kSets[] = {"baseline", "avx2", "avx512"};
  const std::string suffix = std::string("/") + kSets[static_cast<size_t>(set)];
  const ElementFunction functions[] = {
      headrace::Standardize{AlignedDoubles(kWidth, 3), AlignedDoubles(kWidth, 0.3)},
      headrace::Clip{1, 500}, headrace::Log1p{}};
  for (const ElementFunction& function : functions) {
    benchmark::RegisterBenchmark((headrace::function_name(function) + suffix).c_str(),
                                 [=](auto& state) { apply_function(state, function, set); });
  }
  for (const DType dtype :
       {DType::kFloat16, DType::kBfloat16, DType::kFloat64, DType::kInt64, DType::kUint8}) {
    benchmark::RegisterBenchmark(
        ("to_" + std::string(headrace::dtype_name(dtype)) + suffix).c_str(),
        [=](auto& state) { apply_cast(state, dtype, set); });
  }
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  for (uint8_t set = 0; set <= static_cast<uint8_t>(headrace::vector_set()); ++set) {
    register_all(static_cast<VectorSet>(set));
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
