#pragma once

#include <nanobind/nanobind.h>

#include "dataset/dataset.h"

namespace headrace::python {

using DatasetClass = nanobind::class_<Dataset>;

// Binds what reads rows of a dataset into arrays of their own: read, read_slice. A tensor becomes
// one array; a column with offsets becomes a tuple (offsets, values, indices, lengths), with None
// where there is no such part.
void bind_reading(DatasetClass& dataset);

}  // namespace headrace::python
