#pragma once

#include <nanobind/nanobind.h>

#include "column/schema.h"

namespace headrace::python {

// A field as Python sees it, and as headrace.schema.Field.from_core takes it:
// (name, dtype, row_shape, kind, index_dtype, width, binary).
nanobind::tuple field_tuple(const Field& field);

// The reverse, checked by check_field().
Field field_from(const nanobind::tuple& tuple);

// Both for all columns.
nanobind::list schema_list(const Schema& schema);
Schema schema_from(const nanobind::list& fields);

}  // namespace headrace::python
