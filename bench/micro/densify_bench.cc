// Rows of csr expanded to dense float32, chunk by chunk, into one reused batch
// of 1,024 rows: 16 of 1,024 columns, binary, whose batch of 4 MiB stays in the
// cache; and 600 of 30,000 columns, whose batch of 117 MiB does not. By plain
// and by streamed stores, beside memset of the same bytes. The csr rows lie in
// memory one after another, so that the expansion alone is measured.
#include "column/densify.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <sys/mman.h>
#include <vector>

#include <benchmark/benchmark.h>

namespace {

using headrace::ColumnView;
using headrace::DType;

constexpr uint64_t kBatch = 1024;
constexpr uint64_t kHugePage = uint64_t{1} << 21;

struct FreeDeleter {
  void operator()(std::byte* memory) const noexcept { std::free(memory); }
};
using Bytes = std::unique_ptr<std::byte[], FreeDeleter>;

// As the loader's slots: on huge pages where the kernel grants them, and
// touched before.
Bytes batch_memory(uint64_t bytes) {
  bytes = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  Bytes memory(static_cast<std::byte*>(std::aligned_alloc(kHugePage, bytes)));
  if (memory == nullptr) throw std::bad_alloc();
  madvise(memory.get(), bytes, MADV_HUGEPAGE);
  std::memset(memory.get(), 1, bytes);
  return memory;
}

// What is expanded.
struct Shape {
  uint64_t width;
  uint64_t per_row;
  bool binary;
};

// Sorted indices, as most csr has them.
struct Rows {
  headrace::Field field;
  std::vector<int64_t> offsets;
  std::vector<int32_t> indices;
  std::vector<float> values;

  explicit Rows(const Shape& shape)
      : field{.name = "x",
              .dtype = shape.binary ? DType::kUint8 : DType::kFloat32,
              .row_shape = {},
              .kind = headrace::ColumnKind::kCsr,
              .index_dtype = DType::kInt32,
              .width = shape.width,
              .binary = shape.binary} {
    std::mt19937_64 random(1);
    offsets.push_back(0);
    for (uint64_t row = 0; row < kBatch; ++row) {
      for (uint64_t i = 0; i < shape.per_row; ++i) {
        indices.push_back(static_cast<int32_t>(random() % shape.width));
        values.push_back(static_cast<float>(1 + random() % 9));
      }
      std::sort(indices.end() - static_cast<int64_t>(shape.per_row), indices.end());
      offsets.push_back(static_cast<int64_t>(indices.size()));
    }
  }

  ColumnView view() const {
    return {.rows = kBatch,
            .values = reinterpret_cast<const std::byte*>(values.data()),
            .offsets = reinterpret_cast<const std::byte*>(offsets.data()),
            .indices = reinterpret_cast<const std::byte*>(indices.data()),
            .elements = indices.size()};
  }
};

void count_rows(benchmark::State& state, uint64_t bytes) {
  const auto rows = static_cast<double>(state.iterations()) * static_cast<double>(kBatch);
  state.counters["ns_per_row"] =
      benchmark::Counter(rows * 1e-9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
}

void densify(benchmark::State& state, const Shape& shape, headrace::DenseStores stores) {
  const Rows rows(shape);
  const uint64_t bytes = kBatch * shape.width * sizeof(float);
  const Bytes out = batch_memory(bytes);
  headrace::Densifier densify(rows.field, DType::kFloat32,
                              shape.binary ? headrace::Repeats::kSet : headrace::Repeats::kSum,
                              stores);
  const ColumnView view = rows.view();
  for (auto _ : state) {
    if (densify(view, out.get())) state.SkipWithError("an index is outside the width");
    benchmark::ClobberMemory();
  }
  const auto* dense = reinterpret_cast<const float*>(out.get());
  for (uint64_t i = 0; i < rows.indices.size(); ++i) {
    if (dense[i / shape.per_row * shape.width + static_cast<uint64_t>(rows.indices[i])] == 0) {
      state.SkipWithError("a value is missing");
    }
  }
  count_rows(state, bytes);
}

void clear(benchmark::State& state, const Shape& shape) {
  const uint64_t bytes = kBatch * shape.width * sizeof(float);
  const Bytes out = batch_memory(bytes);
  for (auto _ : state) {
    for (uint64_t row = 0; row < kBatch; ++row) {
      std::memset(out.get() + row * shape.width * sizeof(float), 0, shape.width * sizeof(float));
    }
    benchmark::ClobberMemory();
  }
  count_rows(state, bytes);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  for (const Shape& shape : {Shape{.width = 1024, .per_row = 16, .binary = true},
                             Shape{.width = 1024, .per_row = 16, .binary = false},
                             Shape{.width = 30'000, .per_row = 600, .binary = false}}) {
    const std::string name = std::to_string(shape.per_row) + "_of_" + std::to_string(shape.width) +
                             (shape.binary ? "_binary" : "");
    for (const bool streamed : {false, true}) {
      benchmark::RegisterBenchmark(
          (name + (streamed ? "/streamed" : "/cached")).c_str(), [=](auto& state) {
            densify(state, shape,
                    streamed ? headrace::DenseStores::kStreamed : headrace::DenseStores::kCached);
          });
    }
    benchmark::RegisterBenchmark((name + "/memset").c_str(),
                                 [=](auto& state) { clear(state, shape); });
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
