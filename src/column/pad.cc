#include "column/pad.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace headrace {

uint64_t longest_row(const ColumnView& rows) noexcept {
  int64_t longest = 0;
  for (uint64_t row = 0; row < rows.rows; ++row) {
    longest = std::max(longest, offset_at(rows, row + 1) - offset_at(rows, row));
  }
  return static_cast<uint64_t>(longest);
}

Padder::Padder(const Field& field, const Layout& layout, uint64_t length)
    : padding_(layout.padding),
      length_(length),
      inner_(field.row_elements()),
      cast_(std::array{field.dtype, layout.dtype}),
      fill_(length * inner_ * dtype_size(layout.dtype)) {
  const uint64_t size = dtype_size(layout.dtype);
  for (uint64_t at = 0; at < fill_.size(); at += size) {
    std::memcpy(fill_.data() + at, padding_.fill.data(), size);
  }
}

void Padder::write_length(uint64_t row, uint64_t count, std::byte* lengths) const noexcept {
  if (padding_.mask) {
    if (length_ == 0) {
      return;
    }
    std::byte* mask = lengths + row * length_;
    const uint64_t before = padding_.left ? length_ - count : 0;
    std::memset(mask, 0, length_);
    std::memset(mask + before, 1, count);
    return;
  }
  const auto number = static_cast<int64_t>(count);
  std::memcpy(lengths + row * sizeof(number), &number, sizeof(number));
}

RowFault Padder::operator()(const ColumnView& rows, const PaddedMemory& out) const noexcept {
  const uint64_t from_bytes = inner_ * cast_.from_size();
  const uint64_t to_bytes = inner_ * cast_.to_size();
  for (uint64_t row = 0; row < rows.rows; ++row) {
    const auto begin = static_cast<uint64_t>(offset_at(rows, row));
    const uint64_t stored = static_cast<uint64_t>(offset_at(rows, row + 1)) - begin;
    if (stored > length_ && !padding_.truncate) {
      return {RowFaultKind::kRowTooLong, row, static_cast<int64_t>(stored)};
    }
    const uint64_t count = std::min(stored, length_);
    std::byte* target = out.values + row * length_ * to_bytes;
    const uint64_t fill_bytes = (length_ - count) * to_bytes;
    if (fill_bytes > 0) {
      std::memcpy(target + (padding_.left ? 0 : count * to_bytes), fill_.data(), fill_bytes);
    }
    if (count > 0) {
      cast_.apply(rows.values + begin * from_bytes, target + (padding_.left ? fill_bytes : 0),
                  count * inner_);
    }
    write_length(row, count, out.lengths);
  }
  return {};
}

}  // namespace headrace
