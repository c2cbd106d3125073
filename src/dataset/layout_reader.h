#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "column/densify.h"
#include "column/row_faults.h"
#include "column/sparse_steps.h"
#include "dataset/dataset.h"
#include "dataset/variable_reader.h"

namespace headrace {

// Copies rows [first, first + count) of the batch of a column whose stored() is a tensor to `out`,
// stored().row_bytes() bytes each. Rows are asked for in order, each once.
using ReadTensorRows = std::function<void(uint64_t first, uint64_t count, std::byte* out)>;

// Reads rows of columns with a layout: some rows at a time, as many as stay in the cache, from
// where they are stored to scratch memory, and from there through the kernels of the layout to
// their place in the batch. Keeps its scratch memory between calls: one per thread, not shared.
// Does not keep the dataset alive.
class LayoutReader {
 public:
  explicit LayoutReader(const Dataset& dataset)
      : dataset_(dataset), kernels_(dataset.columns().size()) {}

  // What is read, and how.
  struct Batch {
    size_t column = 0;
    std::span<const uint64_t> rows = {};  // of the dataset
    const AllocatePart& allocate;
    const std::function<void()>& poll;  // called for each chunk; may throw to stop
  };

  // Reads rows that `stored` was started with. Throws as VariableReader::copy, and as
  // Reader::read_parts for rows of which the layout cannot be made. Requires: a column with a
  // layout, whose stored() has offsets.
  void read(const Batch& batch, VariableReader& stored);

  // Reads rows that `tensors` gives. Requires: a column with a layout, whose stored() is a tensor.
  void read(const Batch& batch, const ReadTensorRows& tensors);

 private:
  // What a column's sparse layout needs, made when it is first read.
  struct Kernels {
    Field sparse;  // before the steps
    SparseTransform transform;
    std::optional<Densifier> densifiers[2] = {};  // by DenseStores
  };

  // Memory that only grows, and is never initialised twice.
  class Scratch {
   public:
    std::byte* room_for(uint64_t bytes);

   private:
    std::vector<std::byte> memory_;
  };

  // Elements of all chunks, where their number is not known before the steps.
  struct Gathered;

  void read(const Batch& batch);
  void read_stored(const Batch& batch);
  void read_padded(const Batch& batch);
  void read_dense(const Batch& batch);
  void read_sparse(const Batch& batch);
  void read_selected(const Batch& batch);
  Kernels& kernels_of(size_t column);
  uint64_t chunk_end(uint64_t first, uint64_t rows) const noexcept;
  ColumnView stored_rows(uint64_t first, uint64_t end, std::byte* values, std::byte* indices);
  ColumnView sparse_rows(const Batch& batch, uint64_t first, uint64_t end);
  void write_offsets(const Batch& batch, std::span<const int64_t> offsets) const;
  [[noreturn]] void fail(const Batch& batch, const RowFault& fault, const ColumnView& view,
                         uint64_t first) const;

  const Dataset& dataset_;
  std::vector<std::unique_ptr<Kernels>> kernels_;  // by column

  // Of one read(): where stored rows come from, one of both.
  const StoredLayout* layout_ = nullptr;
  VariableReader* variable_ = nullptr;
  const ReadTensorRows* tensors_ = nullptr;

  Scratch values_;
  Scratch indices_;
  std::vector<int64_t> chunk_offsets_;
  Scratch index_numbers_;  // of multi_hot
  std::vector<int64_t> index_offsets_;
  std::vector<int64_t> kept_offsets_;
  std::vector<std::byte> kept_values_;
  std::vector<std::byte> kept_indices_;
};

}  // namespace headrace
