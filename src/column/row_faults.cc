#include "column/row_faults.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <sstream>

#include "base/utf8.h"

namespace headrace {
namespace {

template <typename Index>
RowFault find_bad_index(const ColumnView& view, uint64_t width, uint64_t row, int64_t begin,
                        int64_t end) noexcept {
  for (int64_t i = begin; i < end; ++i) {
    Index index = 0;
    std::memcpy(&index, view.indices + static_cast<uint64_t>(i) * sizeof(index), sizeof(index));
    // A negative index becomes one above every width.
    if (static_cast<uint64_t>(static_cast<int64_t>(index)) >= width) {
      return {RowFaultKind::kIndexOutside, row, static_cast<int64_t>(index)};
    }
  }
  return {};
}

// The first of `count` bytes from `first` on that is no bool.
RowFault find_bad_bool(const ColumnView& view, uint64_t first, uint64_t count,
                       uint64_t row) noexcept {
  for (uint64_t i = first; i < first + count; ++i) {
    const auto byte = std::to_integer<uint8_t>(view.values[i]);
    if (byte > 1) {
      return {RowFaultKind::kNotBool, row, byte};
    }
  }
  return {};
}

// Faults in what elements [begin, end), which exist, mean in this row.
RowFault check_elements(const Field& field, const ColumnView& view, uint64_t row, int64_t begin,
                        int64_t end) noexcept {
  if (field.kind == ColumnKind::kText) {
    const std::span text(view.values + begin, static_cast<uint64_t>(end - begin));
    return is_utf8(text) ? RowFault{} : RowFault{RowFaultKind::kNotUtf8, row, begin};
  }
  if (field.dtype == DType::kBool && view.values != nullptr) {
    const uint64_t size = field.row_elements();
    const uint64_t first = static_cast<uint64_t>(begin) * size;
    if (const RowFault fault =
            find_bad_bool(view, first, static_cast<uint64_t>(end - begin) * size, row)) {
      return fault;
    }
  }
  if (field.kind != ColumnKind::kCsr) {
    return {};
  }
  switch (field.index_dtype) {
    case DType::kUint16:
      return find_bad_index<uint16_t>(view, field.width, row, begin, end);
    case DType::kInt32:
      return find_bad_index<int32_t>(view, field.width, row, begin, end);
    default:
      return find_bad_index<int64_t>(view, field.width, row, begin, end);
  }
}

RowFault check_tensor(const Field& field, const ColumnView& view) noexcept {
  const uint64_t size = field.dtype == DType::kBool ? field.row_elements() : 0;
  for (uint64_t row = 0; size > 0 && row < view.rows; ++row) {
    if (const RowFault fault = find_bad_bool(view, row * size, size, row)) {
      return fault;
    }
  }
  return {};
}

}  // namespace

RowFault find_row_fault(const Field& field, const ColumnView& view) noexcept {
  if (field.is_tensor()) {
    return check_tensor(field, view);
  }
  if (view.rows == 0) {
    return {};
  }
  int64_t begin = offset_at(view, 0);
  if (begin < 0) {
    return {RowFaultKind::kOffsetOutside, 0, begin};
  }
  for (uint64_t row = 0; row < view.rows; ++row) {
    const int64_t end = offset_at(view, row + 1);
    if (end < begin) {
      return {RowFaultKind::kOffsetsDecrease, row, end};
    }
    if (static_cast<uint64_t>(end) > view.elements) {
      return {RowFaultKind::kOffsetOutside, row, end};
    }
    if (const RowFault fault = check_elements(field, view, row, begin, end)) {
      return fault;
    }
    begin = end;
  }
  return {};
}

uint64_t rows_per_look(const Field& field, const ColumnView& view) noexcept {
  constexpr uint64_t kBytes = uint64_t{4} << 20;
  constexpr uint64_t kMostRows = uint64_t{1} << 14;
  const uint64_t per_row =
      field.is_tensor() ? field.row_elements() : view.elements / std::max<uint64_t>(view.rows, 1);
  return std::clamp<uint64_t>(kBytes / std::max<uint64_t>(per_row, 1), 1, kMostRows);
}

std::string describe(const RowFault& fault, const Field& field, const ColumnView& view) {
  const std::string found = std::to_string(fault.found);
  switch (fault.kind) {
    case RowFaultKind::kNone:
      return "nothing is wrong";
    case RowFaultKind::kOffsetOutside:
      return "the offset " + found + " lies outside the column's " + std::to_string(view.elements) +
             " elements";
    case RowFaultKind::kOffsetsDecrease:
      return "the row ends at offset " + found + ", before it begins";
    case RowFaultKind::kNotUtf8:
      return "the text is not UTF-8";
    case RowFaultKind::kIndexOutside:
      return "the index " + found + " lies outside the width " + std::to_string(field.width) +
             " (0 to " + std::to_string(field.width - 1) + ")";
    case RowFaultKind::kNotBool:
      return "the byte " + found + " is no bool; a bool is 0 or 1";
    case RowFaultKind::kNotIndex: {
      std::ostringstream number;
      number << fault.number;
      return "the number " + number.str() + " is no index; indices are whole numbers from 0 on";
    }
    case RowFaultKind::kRowTooLong:
      return "the row has " + found +
             " elements, more than max_length; truncate cuts it, a larger max_length holds it";
  }
  return {};
}

}  // namespace headrace
