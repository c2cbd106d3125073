#include <exception>
#include <optional>
#include <string_view>

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

// What stands in a file, or its name, need not be UTF-8; an error about it must not be another one.
nb::object text(std::string_view bytes) {
  return nb::steal(PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()),
                                        "backslashreplace"));
}

// The classes live in Python, where users derive from and read about them.
void translate(const std::exception_ptr& pointer, void* /*payload*/) {
  try {
    std::rethrow_exception(pointer);
  } catch (const Error& error) {
    const ErrorContext& context = error.context();
    const nb::object exception =
        nb::module_::import_("headrace.errors")
            .attr("from_core")(error_code_name(error.code()), text(error.what()),
                               text(context.file), text(context.column),
                               optional_number(context.row), optional_number(context.offset));
    PyErr_SetObject(exception.type().ptr(), exception.ptr());
  }
}

}  // namespace

void bind_errors() { nb::register_exception_translator(translate); }

}  // namespace headrace::python
