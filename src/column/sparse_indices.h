#pragma once

#include <cstddef>
#include <cstdint>

#include "column/column_view.h"
#include "column/layout.h"
#include "column/row_faults.h"
#include "column/schema.h"

// The indices of csr rows on their way to a batch. All of these may run inside guarded(), and need
// offsets of 8 bytes that are in order and within the elements.
namespace headrace {

// Copies the indices of `rows` to `out` as `to` (kInt32 or kInt64, which holds the width), and
// checks them. `out` is aligned, or is where the first index of `rows` lies and `to` their dtype:
// then they are checked in place. Returns the first that is not below the width of `field`.
RowFault copy_indices(const Field& field, const ColumnView& rows, DType to,
                      std::byte* out) noexcept;

// Writes the row of each element of `rows` to `out`, the first row being number `first`: what coo
// has beside the indices. Requires: offsets of 8 bytes, in order.
void write_row_numbers(const ColumnView& rows, int64_t first, int64_t* out) noexcept;

// Where the elements that are kept of a chunk go; room for all that it has.
struct KeptElements {
  DType index_dtype;   // kInt32 or kInt64
  std::byte* indices;  // aligned, or where the first index of the chunk lies if it keeps its dtype
  uint64_t value_bytes;  // of one value; 0 = no values
  std::byte* values;     // holds those of the chunk, which are packed in place
  int64_t* offsets;      // rows + 1
};

// Drops what `selected` does not keep of `rows` and renumbers the rest. Returns the first index
// that is not below the stored width, in columns that are dropped too.
RowFault keep_selected(const Field& field, const ColumnView& rows, const ColumnSelection& selected,
                       const KeptElements& kept) noexcept;

}  // namespace headrace
