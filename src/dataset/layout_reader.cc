#include "dataset/layout_reader.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "base/checked.h"
#include "base/error.h"
#include "column/elementwise.h"
#include "column/pad.h"
#include "column/row_indices.h"
#include "dataset/read_faults.h"

namespace headrace {
namespace {

// A chunk: its stored rows and what the kernels make of them stay in the second-level cache, and
// starting to gather costs little beside it.
constexpr uint64_t kChunkRows = 512;
constexpr uint64_t kChunkBytes = uint64_t{128} << 10;

// Whether every value becomes 1, whatever is stored.
bool all_ones(const Field& sparse, const Layout& layout) noexcept {
  return sparse.binary || layout.steps.binary;
}

// What to do about a row of which the layout cannot be made, where its fault does not say.
const char* advice(RowFaultKind kind, bool is_index) noexcept {
  switch (kind) {
    case RowFaultKind::kIndexOutside:
    case RowFaultKind::kNotIndex:
      return is_index ? "; pass columns= above the largest index; where a number stands for none, "
                        "Dataset.multi_hot has pad= for it"
                      : "; the indices are damaged, or the width that was given is wrong";
    case RowFaultKind::kNotBool:
      return "; the values are damaged";
    default:
      return "";
  }
}

}  // namespace

// Elements of all chunks so far.
struct LayoutReader::Gathered {
  std::vector<int64_t>& offsets;
  std::vector<std::byte>& values;
  std::vector<std::byte>& indices;

  void add(const ColumnView& chunk, uint64_t value_size, uint64_t index_size) {
    const int64_t before = offsets.back();
    for (uint64_t i = 0; i < chunk.rows; ++i) {
      offsets.push_back(before + offset_at(chunk, i + 1));
    }
    values.insert(values.end(), chunk.values, chunk.values + chunk.elements * value_size);
    indices.insert(indices.end(), chunk.indices, chunk.indices + chunk.elements * index_size);
  }
};

std::byte* LayoutReader::Scratch::room_for(uint64_t bytes) {
  if (memory_.size() < bytes) {
    memory_ = std::vector<std::byte>(std::max<uint64_t>(bytes, 2 * memory_.size()));
  }
  return memory_.data();
}

void LayoutReader::read(const Batch& batch, VariableReader& stored) {
  variable_ = &stored;
  tensors_ = nullptr;
  read(batch);
}

void LayoutReader::read(const Batch& batch, const ReadTensorRows& tensors) {
  variable_ = nullptr;
  tensors_ = &tensors;
  read(batch);
}

void LayoutReader::read(const Batch& batch) {
  layout_ = dataset_.columns()[batch.column].layout.get();
  switch (layout_->layout.kind) {
    case LayoutKind::kStored:
      return read_stored(batch);
    case LayoutKind::kPadded:
      return read_padded(batch);
    case LayoutKind::kDense:
      return read_dense(batch);
    case LayoutKind::kCsr:
    case LayoutKind::kCoo:
      break;
  }
  if (layout_->layout.indices || layout_->layout.steps.selected != nullptr) {
    read_selected(batch);
  } else {
    read_sparse(batch);
  }
}

// Rows as they are stored, perhaps of another dtype.
void LayoutReader::read_stored(const Batch& batch) {
  const Field& stored = layout_->stored;
  const std::span<const int64_t> offsets = variable_->offsets();
  const Conversion cast(std::vector<DType>{stored.dtype, layout_->layout.dtype});
  const bool casts = stored.dtype != layout_->layout.dtype;
  const uint64_t numbers = stored.row_elements();
  write_offsets(batch, offsets);
  const auto elements = static_cast<uint64_t>(offsets.back());
  std::byte* values =
      stored.binary ? nullptr
                    : batch.allocate(batch.column, ColumnPart::kValues,
                                     checked_mul(elements, numbers * cast.to_size(), "values"));
  const uint64_t index_size = element_bytes(stored, ColumnPart::kIndices);
  std::byte* indices = index_size == 0
                           ? nullptr
                           : batch.allocate(batch.column, ColumnPart::kIndices,
                                            checked_mul(elements, index_size, "indices"));
  for (uint64_t first = 0, end = 0; first < batch.rows.size(); first = end) {
    batch.poll();
    end = chunk_end(first, batch.rows.size());
    const auto begin = static_cast<uint64_t>(offsets[first]);
    std::byte* out = values == nullptr ? nullptr : values + begin * numbers * cast.to_size();
    const ColumnView rows = stored_rows(first, end, casts ? nullptr : out,
                                        index_size == 0 ? nullptr : indices + begin * index_size);
    if (const RowFault fault = find_row_fault(stored, rows)) {
      fail(batch, fault, rows, first);
    }
    if (casts && out != nullptr) {
      cast.apply(rows.values, out, rows.elements * numbers);
    }
  }
}

void LayoutReader::read_padded(const Batch& batch) {
  const Padding& padding = layout_->layout.padding;
  const uint64_t count = batch.rows.size();
  uint64_t length = padding.max_length;
  if (length == 0) {
    length =
        longest_row({.rows = count,
                     .offsets = reinterpret_cast<const std::byte*>(variable_->offsets().data())});
  }
  const uint64_t element = layout_->stored.row_elements() * dtype_size(layout_->layout.dtype);
  const uint64_t row_bytes = checked_mul(length, element, "bytes of a padded row");
  const uint64_t length_bytes = padding.mask ? length : sizeof(int64_t);
  std::byte* values = batch.allocate(batch.column, ColumnPart::kValues,
                                     checked_mul(count, row_bytes, "bytes of padded rows"));
  std::byte* lengths = batch.allocate(batch.column, ColumnPart::kLengths, count * length_bytes);
  if (count == 0) {
    return;
  }
  // After what may refuse the memory: it takes some for one row itself.
  const Padder pad(layout_->stored, layout_->layout, length);
  for (uint64_t first = 0, end = 0; first < count; first = end) {
    batch.poll();
    end = chunk_end(first, count);
    const ColumnView rows = stored_rows(first, end, nullptr, nullptr);
    if (const RowFault fault =
            pad(rows, {values + first * row_bytes, lengths + first * length_bytes})) {
      fail(batch, fault, rows, first);
    }
  }
}

void LayoutReader::read_dense(const Batch& batch) {
  Kernels& kernels = kernels_of(batch.column);
  const Layout& layout = layout_->layout;
  const uint64_t row_bytes = kernels.transform.field().width * dtype_size(layout.dtype);
  const uint64_t count = batch.rows.size();
  std::byte* out = batch.allocate(batch.column, ColumnPart::kValues,
                                  checked_mul(count, row_bytes, "bytes of dense rows"));
  const DenseStores stores = dense_stores(count, row_bytes);
  std::optional<Densifier>& densify = kernels.densifiers[static_cast<size_t>(stores)];
  if (!densify) {
    densify.emplace(kernels.transform.field(), layout.dtype, kernels.transform.repeats(), stores);
  }
  for (uint64_t first = 0, end = 0; first < count; first = end) {
    batch.poll();
    end = chunk_end(first, count);
    const ColumnView stored = sparse_rows(batch, first, end);
    ColumnView rows;
    RowFault fault = kernels.transform.apply(stored, {}, rows);
    fault = fault ? fault : (*densify)(rows, out + first * row_bytes);
    if (fault) {
      fail(batch, fault, stored, first);
    }
  }
}

// Csr and coo of as many elements as are stored: straight to their place where they keep their
// dtypes.
void LayoutReader::read_sparse(const Batch& batch) {
  Kernels& kernels = kernels_of(batch.column);
  const Field& stored = layout_->stored;
  const Field& made = kernels.transform.field();
  const bool coo = layout_->layout.kind == LayoutKind::kCoo;
  const std::span<const int64_t> offsets = variable_->offsets();
  const auto elements = static_cast<uint64_t>(offsets.back());
  const uint64_t value_size = dtype_size(made.dtype);
  const uint64_t index_size = dtype_size(made.index_dtype);
  if (!coo) {
    write_offsets(batch, offsets);
  }
  const uint64_t index_bytes = checked_mul(elements, (coo ? 2 : 1) * index_size, "indices");
  std::byte* values = batch.allocate(batch.column, ColumnPart::kValues,
                                     checked_mul(elements, value_size, "values"));
  std::byte* indices = batch.allocate(batch.column, ColumnPart::kIndices, index_bytes);
  std::byte* columns = coo ? indices + elements * index_size : indices;
  const bool same_values = stored.dtype == made.dtype && !all_ones(stored, layout_->layout);
  const bool same_indices = stored.index_dtype == made.index_dtype;
  for (uint64_t first = 0, end = 0; first < batch.rows.size(); first = end) {
    batch.poll();
    end = chunk_end(first, batch.rows.size());
    const auto begin = static_cast<uint64_t>(offsets[first]);
    const SparseMemory out{values + begin * value_size, columns + begin * index_size};
    const ColumnView rows = stored_rows(first, end, same_values ? out.values : nullptr,
                                        same_indices ? out.indices : nullptr);
    ColumnView result;
    if (const RowFault fault = kernels.transform.apply(rows, out, result)) {
      fail(batch, fault, rows, first);
    }
    if (coo) {
      write_row_numbers(result, static_cast<int64_t>(first),
                        reinterpret_cast<int64_t*>(indices) + begin);
    }
  }
}

// Csr and coo whose elements are counted by the steps.
void LayoutReader::read_selected(const Batch& batch) {
  Kernels& kernels = kernels_of(batch.column);
  const Field& made = kernels.transform.field();
  const uint64_t value_size = dtype_size(made.dtype);
  const uint64_t index_size = dtype_size(made.index_dtype);
  kept_offsets_.assign(1, 0);
  kept_values_.clear();
  kept_indices_.clear();
  Gathered gathered{kept_offsets_, kept_values_, kept_indices_};
  for (uint64_t first = 0, end = 0; first < batch.rows.size(); first = end) {
    batch.poll();
    end = chunk_end(first, batch.rows.size());
    const ColumnView rows = sparse_rows(batch, first, end);
    ColumnView result;
    if (const RowFault fault = kernels.transform.apply(rows, {}, result)) {
      fail(batch, fault, rows, first);
    }
    gathered.add(result, value_size, index_size);
  }
  const bool coo = layout_->layout.kind == LayoutKind::kCoo;
  if (!coo) {
    write_offsets(batch, kept_offsets_);
  }
  std::byte* values = batch.allocate(batch.column, ColumnPart::kValues, kept_values_.size());
  std::byte* indices =
      batch.allocate(batch.column, ColumnPart::kIndices, (coo ? 2 : 1) * kept_indices_.size());
  std::copy(kept_values_.begin(), kept_values_.end(), values);
  std::copy(kept_indices_.begin(), kept_indices_.end(),
            coo ? indices + kept_indices_.size() : indices);
  if (coo) {
    const ColumnView all{.rows = batch.rows.size(),
                         .offsets = reinterpret_cast<const std::byte*>(kept_offsets_.data())};
    write_row_numbers(all, 0, reinterpret_cast<int64_t*>(indices));
  }
}

LayoutReader::Kernels& LayoutReader::kernels_of(size_t column) {
  std::unique_ptr<Kernels>& kernels = kernels_[column];
  if (kernels == nullptr) {
    Field sparse = sparse_field(layout_->stored, layout_->layout);
    SparseTransform transform(sparse, layout_->layout);
    kernels = std::make_unique<Kernels>(Kernels{std::move(sparse), std::move(transform)});
  }
  return *kernels;
}

// Where the chunk that begins with row `first` ends.
uint64_t LayoutReader::chunk_end(uint64_t first, uint64_t rows) const noexcept {
  const Field& stored = layout_->stored;
  if (variable_ == nullptr) {
    const uint64_t fitting = std::max<uint64_t>(1, kChunkBytes / stored.row_bytes());
    return std::min(rows, first + std::min(kChunkRows, fitting));
  }
  const std::span<const int64_t> offsets = variable_->offsets();
  const uint64_t element =
      element_bytes(stored, ColumnPart::kValues) + element_bytes(stored, ColumnPart::kIndices);
  const auto most = static_cast<int64_t>(kChunkBytes / element);
  const auto begin = offsets.begin() + static_cast<int64_t>(first) + 1;
  const auto last = offsets.begin() + static_cast<int64_t>(std::min(rows, first + kChunkRows)) + 1;
  // The first row that does not fit any more; at least one is read.
  const auto end = std::upper_bound(begin, last, offsets[first] + most);
  return std::max(first + 1, static_cast<uint64_t>(end - offsets.begin()) - 1);
}

// Rows [first, end) of the batch as they are stored, from offset 0 on; values and indices in the
// memory that is given, or in scratch memory.
ColumnView LayoutReader::stored_rows(uint64_t first, uint64_t end, std::byte* values,
                                     std::byte* indices) {
  const std::span<const int64_t> offsets = variable_->offsets();
  const uint64_t count = end - first;
  chunk_offsets_.resize(count + 1);
  for (uint64_t i = 0; i <= count; ++i) {
    chunk_offsets_[i] = offsets[first + i] - offsets[first];
  }
  ColumnView rows{.rows = count,
                  .offsets = reinterpret_cast<const std::byte*>(chunk_offsets_.data()),
                  .elements = static_cast<uint64_t>(chunk_offsets_.back())};
  const Field& stored = layout_->stored;
  if (const uint64_t size = element_bytes(stored, ColumnPart::kIndices)) {
    indices = indices != nullptr ? indices : indices_.room_for(rows.elements * size);
    variable_->copy(ColumnPart::kIndices, first, count, indices);
    rows.indices = indices;
  }
  const uint64_t size = element_bytes(stored, ColumnPart::kValues);
  if (size > 0 && !layout_->layout.steps.binary) {
    values = values != nullptr ? values : values_.room_for(rows.elements * size);
    variable_->copy(ColumnPart::kValues, first, count, values);
    rows.values = values;
  }
  return rows;
}

// Rows [first, end) of the batch as csr, before the steps of the layout.
ColumnView LayoutReader::sparse_rows(const Batch& batch, uint64_t first, uint64_t end) {
  const std::optional<IndexSource>& source = layout_->layout.indices;
  if (!source) {
    return stored_rows(first, end, nullptr, nullptr);
  }
  const Field& stored = layout_->stored;
  ColumnView rows{.rows = end - first};
  if (variable_ != nullptr) {
    rows = stored_rows(first, end, nullptr, nullptr);
  } else {
    std::byte* values = values_.room_for(rows.rows * stored.row_bytes());
    (*tensors_)(first, rows.rows, values);
    rows.values = values;
    rows.elements = rows.rows * stored.row_elements();
  }
  const uint64_t size = dtype_size(kernels_of(batch.column).sparse.index_dtype);
  std::byte* numbers = index_numbers_.room_for(rows.elements * size);
  index_offsets_.resize(rows.rows + 1);
  if (const RowFault fault =
          read_indices(stored, *source, rows, {index_offsets_.data(), numbers})) {
    fail(batch, fault, rows, first);
  }
  return {.rows = rows.rows,
          .offsets = reinterpret_cast<const std::byte*>(index_offsets_.data()),
          .indices = numbers,
          .elements = static_cast<uint64_t>(index_offsets_.back())};
}

// The offsets of ragged and csr batches, in the dtype that they have there.
void LayoutReader::write_offsets(const Batch& batch, std::span<const int64_t> offsets) const {
  const bool small =
      layout_->layout.kind == LayoutKind::kCsr && layout_->layout.index_dtype == DType::kInt32;
  if (!small) {
    std::byte* out = batch.allocate(batch.column, ColumnPart::kOffsets, offsets.size_bytes());
    std::memcpy(out, offsets.data(), offsets.size_bytes());
    return;
  }
  if (offsets.back() > INT32_MAX) {
    const std::string& name = layout_->stored.name;
    throw Error(ErrorCode::kInvalid,
                "column " + name + ": " + std::to_string(batch.rows.size()) + " rows have " +
                    std::to_string(offsets.back()) +
                    " values, more than int32 offsets can count; read fewer rows at once, or "
                    "store int64 indices",
                {.file = "", .column = name});
  }
  std::byte* out =
      batch.allocate(batch.column, ColumnPart::kOffsets, offsets.size() * sizeof(int32_t));
  std::transform(offsets.begin(), offsets.end(), reinterpret_cast<int32_t*>(out),
                 [](int64_t offset) { return static_cast<int32_t>(offset); });
}

// Throws what `fault` says of `view`, which begins at row `first` of the batch.
void LayoutReader::fail(const Batch& batch, const RowFault& fault, const ColumnView& view,
                        uint64_t first) const {
  const bool is_index = layout_->layout.indices.has_value();
  const bool outside = fault.kind == RowFaultKind::kIndexOutside;
  const Field& field = outside && is_index ? kernels_[batch.column]->sparse : layout_->stored;
  const uint64_t row = batch.rows[first + fault.row];
  Dataset::Location at = dataset_.locate(row, batch.column);
  if (outside && !is_index) {
    at.file = file_with_part(dataset_, row, batch.column, ColumnPart::kIndices);
  }
  const bool damaged = fault.kind == RowFaultKind::kNotBool || (outside && !is_index);
  throw Error(damaged ? ErrorCode::kCorrupt : ErrorCode::kInvalid,
              (at.file.empty() ? "memory" : at.file) + ": row " + std::to_string(at.row) +
                  " of column " + layout_->stored.name + " (row " + std::to_string(row) +
                  " of the dataset): " + describe(fault, field, view) +
                  advice(fault.kind, is_index),
              {.file = at.file, .column = layout_->stored.name, .row = at.row});
}

}  // namespace headrace
