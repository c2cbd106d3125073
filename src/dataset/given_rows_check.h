#pragma once

#include <cstdint>
#include <span>

#include "column/column_view.h"
#include "column/schema.h"
#include "dataset/reader.h"

namespace headrace {

// Looks at every row that is to be written: one view for each column of `schema`, equally many rows
// in each, none with `batch_elements` leaf elements or more. Throws kInvalid, naming column and
// row, which is counted within `columns`, for the first that is not what its field says. Calls
// `poll` every few milliseconds.
void check_given_rows(const Schema& schema, std::span<const ColumnView> columns,
                      uint64_t batch_elements, const Poll& poll);

}  // namespace headrace
