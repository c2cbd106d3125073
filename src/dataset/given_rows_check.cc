#include "dataset/given_rows_check.h"

#include <algorithm>
#include <string>

#include "base/error.h"
#include "column/row_faults.h"

namespace headrace {
namespace {

// Throws where one row alone has as many leaf elements as no record batch may have.
void check_row_elements(const Field& field, const ColumnView& view, uint64_t limit) {
  if (field.is_tensor() || view.elements < limit / field.row_elements()) {
    return;
  }
  for (uint64_t row = 0; row < view.rows; ++row) {
    const auto elements = static_cast<uint64_t>(offset_at(view, row + 1) - offset_at(view, row));
    if (elements > (limit - 1) / field.row_elements()) {
      throw Error(ErrorCode::kInvalid,
                  "column " + field.name + ", row " + std::to_string(row) +
                      " of the batch: it has " + std::to_string(elements) +
                      " elements; a row needs fewer than " + std::to_string(limit) +
                      " numbers: split it over several rows",
                  {.file = "", .column = field.name, .row = row});
    }
  }
}

// Throws for the first row that is not what its field says.
void check_column(const Field& field, const ColumnView& view, const Poll& poll) {
  const uint64_t step_rows = rows_per_look(field, view);
  for (uint64_t first = 0; first < view.rows; first += step_rows) {
    poll();
    const ColumnView step = slice(view, field, first, std::min(step_rows, view.rows - first));
    if (const RowFault fault = find_row_fault(field, step)) {
      throw Error(
          ErrorCode::kInvalid,
          "column " + field.name + ", row " + std::to_string(first + fault.row) +
              " of the batch: " + describe(fault, field, step) +
              (fault.kind == RowFaultKind::kIndexOutside
                   ? "; correct it, or say how wide rows are when the dataset is made: width "
                     "in columns="
                   : "; correct the rows before they are written"),
          {.file = "", .column = field.name, .row = first + fault.row});
    }
  }
}

}  // namespace

void check_given_rows(const Schema& schema, std::span<const ColumnView> columns,
                      uint64_t batch_elements, const Poll& poll) {
  if (columns.size() != schema.size()) {
    throw Error(ErrorCode::kInvalid, "a batch of " + std::to_string(columns.size()) +
                                         " columns was written to shards of " +
                                         std::to_string(schema.size()));
  }
  for (size_t c = 0; c < columns.size(); ++c) {
    const Field& field = schema[c];
    if (columns[c].rows != columns[0].rows) {
      throw Error(ErrorCode::kInvalid,
                  "column " + field.name + " has " + std::to_string(columns[c].rows) +
                      " rows and column " + schema[0].name + " has " +
                      std::to_string(columns[0].rows) + "; all columns need equally many",
                  {.file = "", .column = field.name});
    }
  }
  for (size_t c = 0; c < columns.size(); ++c) {
    const Field& field = schema[c];
    check_column(field, columns[c], poll);
    check_row_elements(field, columns[c], batch_elements);
  }
}

}  // namespace headrace
