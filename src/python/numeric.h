#pragma once

#include <nanobind/nanobind.h>

#include "python/row_arrays.h"

namespace headrace::python {

// Binds functions of the numbers of a column as views, and statistics of them.
void bind_numeric(nanobind::module_& module, DatasetClass& dataset);

}  // namespace headrace::python
