#pragma once

#include <nanobind/nanobind.h>

#include "dataset/dataset.h"
#include "python/row_arrays.h"

namespace headrace::python {

// The layout of a column as the dict that python/headrace/layouts.py describes; None where rows are
// shown as they are stored, or as another dtype.
nanobind::object layout_dict(const DatasetColumn& column);

// Binds what shows columns in another form: with_layout, stack, and the property layouts.
void bind_layouts(DatasetClass& dataset);

}  // namespace headrace::python
