#pragma once

#include <cstdint>
#include <string>

#include "column/column_view.h"
#include "column/schema.h"

namespace headrace {

// What can be wrong with a row.
enum class RowFaultKind : uint8_t {
  kNone,
  kOffsetOutside,    // a row begins before the first element, or ends behind the last
  kOffsetsDecrease,  // a row ends before it begins
  kNotUtf8,          // a row of text
  kIndexOutside,     // an index of csr is negative, or not below the width
  kNotBool,          // a bool that is neither 0 nor 1
  kNotIndex,         // a number that stands for an index is not whole, or has over 63 bits
  kRowTooLong,       // a row to be padded has more elements than the padded one
};

// The first fault of a column, or kNone.
struct RowFault {
  RowFaultKind kind = RowFaultKind::kNone;
  uint64_t row = 0;   // of the view
  int64_t found = 0;  // the offset, index, byte or length that is wrong
  double number = 0;  // that is no index

  explicit operator bool() const noexcept { return kind != RowFaultKind::kNone; }
};

// Checks all rows of `view`: offsets monotone and within `elements`, text UTF-8, indices below the
// width, bools 0 or 1. All but text is loaded once. Allocates nothing and owns nothing, so that it
// may run inside guarded(). Requires: what `view` says lies there.
RowFault find_row_fault(const Field& field, const ColumnView& view) noexcept;

// About how many rows of `view` find_row_fault() looks at in a few milliseconds; at least 1.
uint64_t rows_per_look(const Field& field, const ColumnView& view) noexcept;

// What is wrong, in words. `field` has the width of csr; only offsets need the view. Example: "the
// index 12 lies outside the width 10 (0 to 9)".
std::string describe(const RowFault& fault, const Field& field, const ColumnView& view);

}  // namespace headrace
