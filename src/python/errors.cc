#include <exception>
#include <optional>

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include "base/error.h"
#include "python/bindings.h"

namespace nb = nanobind;

namespace headrace::python {
namespace {

nb::object optional_number(const std::optional<uint64_t>& number) {
  return number ? nb::object(nb::int_(*number)) : nb::none();
}

// The classes live in Python, where users derive from and read about them.
void translate(const std::exception_ptr& pointer, void* /*payload*/) {
  try {
    std::rethrow_exception(pointer);
  } catch (const Error& error) {
    const ErrorContext& context = error.context();
    const nb::object exception =
        nb::module_::import_("headrace.errors")
            .attr("from_core")(error_code_name(error.code()), error.what(), context.file,
                               context.column, optional_number(context.row),
                               optional_number(context.offset));
    PyErr_SetObject(exception.type().ptr(), exception.ptr());
  }
}

}  // namespace

void bind_errors() { nb::register_exception_translator(translate); }

}  // namespace headrace::python
