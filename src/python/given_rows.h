#pragma once

#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include "column/column_view.h"
#include "column/schema.h"
#include "python/arrays.h"

namespace headrace::python {

// Rows of one column in Python's memory; `arrays` must outlive `view`.
struct GivenRows {
  std::vector<nanobind::ndarray<nanobind::ro, nanobind::c_contig, nanobind::device::cpu>> arrays =
      {};
  ColumnView view = {};
};

// The rows in (rows, values, offsets, indices), with None for what the kind of `field` does not
// have. Looks at the lengths only. Throws kInvalid where an array is too short.
GivenRows rows_from(const nanobind::tuple& tuple, const Field& field);

// The column in (field, rows, values, offsets, indices, checked), of a kind with offsets, not
// copied: every row is looked at, unless they are said to be checked. Throws kInvalid naming column
// and row for a row that is not what the field says (row_faults.h), and as rows_from(). Needs the
// GIL, which it releases while it looks.
ForeignArray view_rows(const nanobind::tuple& tuple);

}  // namespace headrace::python
