#include "python/part_arrays.h"

#include <utility>
#include <vector>

namespace headrace::python {
namespace {

// One element after another, of this dtype and shape.
PartArray flat(const Field& field, DType dtype, uint64_t bytes, std::vector<uint64_t> shape = {}) {
  PartArray array{.element = {.name = field.name, .dtype = dtype, .row_shape = std::move(shape)}};
  array.rows = bytes / array.element.row_bytes();
  return array;
}

// Rows of one length, which the bytes tell; of no rows it is `least`.
PartArray rectangle(const Field& field, DType dtype, uint64_t bytes, uint64_t rows, uint64_t least,
                    const std::vector<uint64_t>& inner = {}) {
  const Field element{.name = field.name, .dtype = dtype, .row_shape = inner};
  PartArray array{.element = element, .rows = rows};
  const uint64_t length = rows == 0 ? least : bytes / rows / element.row_bytes();
  array.element.row_shape.insert(array.element.row_shape.begin(), length);
  return array;
}

}  // namespace

PartArray part_array(const DatasetColumn& column, ColumnPart part, uint64_t bytes,
                     uint64_t batch_rows) {
  const Field& field = column.field;
  const LayoutKind kind =
      column.layout == nullptr ? LayoutKind::kStored : column.layout->layout.kind;
  const uint64_t length = column.layout == nullptr ? 0 : column.layout->layout.padding.max_length;
  switch (part) {
    case ColumnPart::kOffsets:
      return flat(field,
                  kind == LayoutKind::kCsr ? column.layout->layout.index_dtype : DType::kInt64,
                  bytes);
    case ColumnPart::kValues:
      return kind == LayoutKind::kPadded
                 ? rectangle(field, field.dtype, bytes, batch_rows, length, field.row_shape)
                 : flat(field, field.dtype, bytes, field.row_shape);
    case ColumnPart::kIndices:
      return kind == LayoutKind::kCoo   ? rectangle(field, DType::kInt64, bytes, 2, 0)
             : kind == LayoutKind::kCsr ? flat(field, column.layout->layout.index_dtype, bytes)
                                        : flat(field, field.index_dtype, bytes);
    case ColumnPart::kLengths:
      break;
  }
  return column.layout->layout.padding.mask
             ? rectangle(field, DType::kBool, bytes, batch_rows, length)
             : flat(field, DType::kInt64, bytes);
}

}  // namespace headrace::python
