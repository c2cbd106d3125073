#include "column/sparse_indices.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "column/elements.h"

namespace headrace {
namespace {

uint64_t offset(const ColumnView& rows, uint64_t i) noexcept {
  return static_cast<uint64_t>(offset_at(rows, i));
}

RowFault outside(uint64_t row, uint64_t index) noexcept {
  return {RowFaultKind::kIndexOutside, row, static_cast<int64_t>(index)};
}

// The first index that is not below `width`. Requires: there is one.
template <typename Index>
RowFault find_outside(const ColumnView& rows, uint64_t width) noexcept {
  for (uint64_t row = 0; row < rows.rows; ++row) {
    for (uint64_t i = offset(rows, row); i < offset(rows, row + 1); ++i) {
      if (const auto index = load_index<Index>(rows.indices, i); index >= width) {
        return outside(row, index);
      }
    }
  }
  return {};
}

// An index in as many bits as its loop of checks needs: a uint16 would be widened in any case.
template <typename Index>
using Word = std::conditional_t<sizeof(Index) == sizeof(uint64_t), uint64_t, uint32_t>;

template <typename From, typename To>
RowFault copy_indices_as(const ColumnView& rows, uint64_t width, std::byte* out) noexcept {
  const uint64_t first = offset(rows, 0);
  const uint64_t count = offset(rows, rows.rows) - first;
  const std::byte* from = rows.indices + first * sizeof(From);
  const auto last = static_cast<Word<From>>(width - 1);
  // An index is below the width if neither it nor its distance to the last column is negative:
  // two instructions that baseline x86-64 has for vectors, unlike a comparison without sign.
  Word<From> signs = 0;
  const auto look_at = [&](From index) {
    const auto word = static_cast<Word<From>>(index);
    signs |= word | (last - word);
  };
  if (sizeof(From) == sizeof(To) && from == out) {
    for (uint64_t i = 0; i < count; ++i) {
      look_at(load_element<From>(from, i));
    }
  } else {
    for (uint64_t i = 0; i < count; ++i) {
      const auto index = load_element<From>(from, i);
      look_at(index);
      store_element(out, i, static_cast<To>(index));
    }
  }
  const bool outside = signs >> (8 * sizeof(signs) - 1) != 0;
  return outside ? find_outside<From>(rows, width) : RowFault{};
}

template <typename To>
RowFault copy_indices_to(const Field& field, const ColumnView& rows, std::byte* out) noexcept {
  return with_index_type(field.index_dtype, [&](auto index) {
    return copy_indices_as<decltype(index), To>(rows, field.width, out);
  });
}

// A value of `bytes` bytes, for 0 too.
template <size_t bytes>
void move_value(std::byte* values, uint64_t to, uint64_t from) noexcept {
  if constexpr (bytes > 0) {
    std::memmove(values + to * bytes, values + from * bytes, bytes);
  }
}

template <typename From, typename To, size_t value_bytes>
RowFault keep_in_rows(const ColumnView& rows, const ColumnSelection& selected,
                      const KeptElements& kept) noexcept {
  const uint64_t first = offset(rows, 0);
  const int32_t* new_columns = selected.new_columns();
  uint64_t end = 0;
  kept.offsets[0] = 0;
  for (uint64_t row = 0; row < rows.rows; ++row) {
    const uint64_t row_end = offset(rows, row + 1);
    for (uint64_t i = offset(rows, row); i < row_end; ++i) {
      const auto index = load_index<From>(rows.indices, i);
      if (index >= selected.stored_width()) {
        return outside(row, index);
      }
      // Written whether kept or not, since a branch would be mispredicted.
      const int32_t column = new_columns[index];
      store_element(kept.indices, end, static_cast<To>(column));
      move_value<value_bytes>(kept.values, end, i - first);
      end += column >= 0 ? 1 : 0;
    }
    kept.offsets[row + 1] = static_cast<int64_t>(end);
  }
  return {};
}

using KeepInRows = RowFault (*)(const ColumnView&, const ColumnSelection&,
                                const KeptElements&) noexcept;

template <typename From, typename To>
KeepInRows keep_in_rows_of(uint64_t value_bytes) noexcept {
  switch (value_bytes) {
    case 0:
      return &keep_in_rows<From, To, 0>;
    case 1:
      return &keep_in_rows<From, To, 1>;
    case 2:
      return &keep_in_rows<From, To, 2>;
    case 4:
      return &keep_in_rows<From, To, 4>;
    default:
      return &keep_in_rows<From, To, 8>;
  }
}

KeepInRows keep_in_rows_of(DType from, DType to, uint64_t value_bytes) noexcept {
  return with_index_type(from, [&](auto index) {
    using From = decltype(index);
    return to == DType::kInt32 ? keep_in_rows_of<From, int32_t>(value_bytes)
                               : keep_in_rows_of<From, int64_t>(value_bytes);
  });
}

}  // namespace

RowFault copy_indices(const Field& field, const ColumnView& rows, DType to,
                      std::byte* out) noexcept {
  if (rows.rows == 0) {
    return {};
  }
  return to == DType::kInt32 ? copy_indices_to<int32_t>(field, rows, out)
                             : copy_indices_to<int64_t>(field, rows, out);
}

void write_row_numbers(const ColumnView& rows, int64_t first, int64_t* out) noexcept {
  for (uint64_t row = 0; row < rows.rows; ++row) {
    const uint64_t count = offset(rows, row + 1) - offset(rows, row);
    out = std::fill_n(out, count, first + static_cast<int64_t>(row));
  }
}

RowFault keep_selected(const Field& field, const ColumnView& rows, const ColumnSelection& selected,
                       const KeptElements& kept) noexcept {
  return keep_in_rows_of(field.index_dtype, kept.index_dtype, kept.value_bytes)(rows, selected,
                                                                                kept);
}

}  // namespace headrace
