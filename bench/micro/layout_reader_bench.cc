// Rows of csr in random order, 1,024 at a time, read from one large array in memory into one reused
// batch through a layout: the tutorial's case (1,024 wide, binary, 16 a row) and one as single-cell
// data have it (30,000 wide, 600 a row). One thread; rows/s. Beside it the same rows gathered
// without a layout, which is what reading itself costs.
#include "dataset/layout_reader.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "dataset/column_views.h"
#include "dataset/reader.h"
#include "order/permutation.h"

namespace {

using namespace headrace;

constexpr uint64_t kBatch = 1024;

// One csr column in memory: `rows` rows of `nonzeros` spread indices each.
struct Csr {
  std::vector<int64_t> offsets;
  std::vector<int32_t> indices;
  std::vector<float> values;
  DatasetPtr dataset;

  Csr(uint64_t rows, uint64_t width, uint64_t nonzeros, bool binary) : offsets(rows + 1) {
    for (uint64_t row = 0; row <= rows; ++row) {
      offsets[row] = static_cast<int64_t>(row * nonzeros);
    }
    indices.resize(rows * nonzeros);
    const uint64_t part = width / nonzeros;
    for (uint64_t i = 0; i < indices.size(); ++i) {
      const uint64_t hash = i * 0x9e3779b97f4a7c15 >> 33;
      indices[i] = static_cast<int32_t>(i % nonzeros * part + hash % part);
    }
    values.assign(binary ? 0 : indices.size(), 1.5F);
    Field field{.name = "x",
                .dtype = binary ? DType::kUint8 : DType::kFloat32,
                .kind = ColumnKind::kCsr,
                .index_dtype = DType::kInt32,
                .width = width,
                .binary = binary};
    ArraySource::Array array{.owner = {}, .rows = {}, .dtype = field.dtype};
    array.variable = ColumnView{.rows = rows,
                                .values = reinterpret_cast<const std::byte*>(values.data()),
                                .offsets = reinterpret_cast<const std::byte*>(offsets.data()),
                                .indices = reinterpret_cast<const std::byte*>(indices.data()),
                                .elements = indices.size()};
    auto source = std::make_shared<ArraySource>(rows, std::vector{std::move(array)});
    dataset = std::make_shared<Dataset>(
        std::vector<DatasetColumn>{
            {.field = std::move(field), .group = 0, .column = 0, .casts = {}}},
        std::vector{RowSpace::table(
            {{.source = std::move(source), .first = 0, .rows = rows, .columns = nullptr}})});
  }
};

const Csr& tutorial() {
  static const Csr csr(uint64_t{1} << 22, 1024, 16, true);
  return csr;
}

const Csr& single_cell() {
  static const Csr csr(100000, 30000, 600, false);
  return csr;
}

void read_batches(benchmark::State& state, const DatasetPtr& dataset) {
  Reader reader(dataset);
  std::vector<std::byte> memory[kColumnParts];
  const AllocatePart allocate = [&](size_t /*column*/, ColumnPart part, uint64_t bytes) {
    std::vector<std::byte>& own = memory[static_cast<size_t>(part)];
    if (own.size() < bytes) {
      own.resize(bytes);
    }
    return own.data();
  };
  const Permutation permutation(dataset->rows(), /*key=*/1);
  std::vector<uint64_t> rows(kBatch);
  uint64_t next = 0;
  for (auto _ : state) {
    for (uint64_t& row : rows) {
      row = permutation(next++ % dataset->rows());
    }
    reader.read_parts(rows, {true}, allocate);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kBatch));
}

void tutorial_as(benchmark::State& state, LayoutKind kind) {
  read_batches(state, kind == LayoutKind::kStored
                          ? tutorial().dataset
                          : with_layout(tutorial().dataset, 0, {.kind = kind}));
}
BENCHMARK_CAPTURE(tutorial_as, stored, LayoutKind::kStored)->UseRealTime();
BENCHMARK_CAPTURE(tutorial_as, dense, LayoutKind::kDense)->UseRealTime();
BENCHMARK_CAPTURE(tutorial_as, csr, LayoutKind::kCsr)->UseRealTime();

void single_cell_as(benchmark::State& state, LayoutKind kind) {
  read_batches(state, kind == LayoutKind::kStored
                          ? single_cell().dataset
                          : with_layout(single_cell().dataset, 0, {.kind = kind}));
}
BENCHMARK_CAPTURE(single_cell_as, stored, LayoutKind::kStored)->UseRealTime();
BENCHMARK_CAPTURE(single_cell_as, dense, LayoutKind::kDense)->UseRealTime();
BENCHMARK_CAPTURE(single_cell_as, csr, LayoutKind::kCsr)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
