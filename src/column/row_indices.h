#pragma once

#include <cstddef>
#include <cstdint>

#include "column/column_view.h"
#include "column/layout.h"
#include "column/row_faults.h"
#include "column/schema.h"

namespace headrace {

// Memory for the csr rows that indices make.
struct IndexMemory {
  int64_t* offsets;    // rows + 1, from 0
  std::byte* indices;  // of the index_dtype of sparse_field(); as many as there are numbers
};

// Reads the numbers of `rows`, a tensor or ragged column `field` whose rows are lists of indices,
// as binary csr: each number but the pad is an index, in the order of the row, repeated where the
// row repeats it. Floats must be whole numbers. Returns the first that is no index below the width.
// May run inside guarded(). Requires: check_layout() of a layout with these indices passed; ragged
// offsets in order and within the elements.
RowFault read_indices(const Field& field, const IndexSource& source, const ColumnView& rows,
                      const IndexMemory& out) noexcept;

}  // namespace headrace
