#include "python/part_arrays.h"

namespace headrace::python {

PartArray part_array(const DatasetColumn& column, ColumnPart part, uint64_t bytes,
                     uint64_t /*batch_rows*/) {
  const Field& field = column.field;
  PartArray array{.element = {.name = field.name}};
  switch (part) {
    case ColumnPart::kOffsets:
      array.element.dtype = DType::kInt64;
      break;
    case ColumnPart::kValues:
      array.element.dtype = field.dtype;
      array.element.row_shape = field.row_shape;
      break;
    case ColumnPart::kIndices:
      array.element.dtype = field.index_dtype;
      break;
    case ColumnPart::kLengths:
      array.element.dtype = DType::kInt64;
      break;
  }
  array.rows = bytes / array.element.row_bytes();
  return array;
}

}  // namespace headrace::python
