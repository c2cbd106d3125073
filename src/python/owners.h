#pragma once

#include <memory>

#include <nanobind/nanobind.h>

namespace headrace::python {

// A share in a Python object that any thread may drop. Without the GIL the object is put on a list,
// and the next call of release_dropped_owners() lets go of it.
std::shared_ptr<const void> share_owner(nanobind::object object);

// Requires the GIL. Called where datasets are made and passes start or go on.
void release_dropped_owners() noexcept;

}  // namespace headrace::python
