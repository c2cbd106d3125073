#include "column/column_view.h"

#include <cstring>

namespace headrace {

uint64_t element_bytes(const Field& field, ColumnPart part) noexcept {
  switch (part) {
    case ColumnPart::kOffsets:
      return sizeof(int64_t);
    case ColumnPart::kValues:
      return field.binary ? 0 : field.row_bytes();
    case ColumnPart::kIndices:
      return field.kind == ColumnKind::kCsr ? dtype_size(field.index_dtype) : 0;
    case ColumnPart::kLengths:
      break;
  }
  return 0;
}

const std::byte* part_of(const ColumnView& view, ColumnPart part) noexcept {
  switch (part) {
    case ColumnPart::kOffsets:
      return view.offsets;
    case ColumnPart::kValues:
      return view.values;
    case ColumnPart::kIndices:
      return view.indices;
    case ColumnPart::kLengths:
      break;
  }
  return nullptr;
}

int64_t offset_at(const ColumnView& view, uint64_t i) noexcept {
  if (view.offset_size == sizeof(int32_t)) {
    int32_t offset = 0;
    std::memcpy(&offset, view.offsets + i * sizeof(offset), sizeof(offset));
    return offset;
  }
  int64_t offset = 0;
  std::memcpy(&offset, view.offsets + i * sizeof(offset), sizeof(offset));
  return offset;
}

ColumnView slice(const ColumnView& view, const Field& field, uint64_t first, uint64_t count) {
  ColumnView part = view;
  part.rows = count;
  if (field.is_tensor()) {
    part.values = view.values + first * field.row_bytes();
  } else {
    part.offsets = view.offsets + first * view.offset_size;
  }
  return part;
}

}  // namespace headrace
