#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "column/column_view.h"
#include "column/elementwise.h"
#include "column/layout.h"
#include "column/row_faults.h"
#include "column/schema.h"

namespace headrace {

// Elements of the longest row; 0 without rows. Requires: offsets in order.
uint64_t longest_row(const ColumnView& rows) noexcept;

// Memory for the padded rows of a chunk.
struct PaddedMemory {
  std::byte* values;   // rows * length elements of Field::row_shape, of the layout's dtype
  std::byte* lengths;  // of each row an int64; with Padding::mask, `length` bools
};

// Rows of ragged, bytes or text, made equally long. Immutable; thread-safe.
class Padder {
 public:
  // For rows of `field`, as stored, in batches of rows of `length` elements: the max_length of the
  // layout or, where that is 0, the longest row. Requires: check_layout() passed.
  Padder(const Field& field, const Layout& layout, uint64_t length);

  // Writes the rows of `rows`, cast, with the fill behind or before them, and how long they are
  // (after truncation). Returns the first row that is longer, if rows are not truncated; what then
  // stands from it on is unspecified. May run inside guarded(). Requires: offsets in order and
  // within the elements.
  RowFault operator()(const ColumnView& rows, const PaddedMemory& out) const noexcept;

 private:
  void write_length(uint64_t row, uint64_t count, std::byte* lengths) const noexcept;

  Padding padding_;
  uint64_t length_;
  uint64_t inner_;  // numbers in an element
  Conversion cast_;
  std::vector<std::byte> fill_;  // a row of nothing but fill
};

}  // namespace headrace
