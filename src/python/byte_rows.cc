#include <cstdint>
#include <string>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include "base/error.h"
#include "python/bindings.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace headrace::python {
namespace {

using Offsets = nb::ndarray<const int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Bytes = nb::ndarray<const uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

// A list with make(begin, length) for each row; null from it is Python's error.
template <typename Make>
nb::object list_of_rows(const Offsets& offsets, const Bytes& bytes, const Make& make) {
  const auto rows = static_cast<Py_ssize_t>(offsets.size()) - 1;
  nb::object list = nb::steal(PyList_New(rows < 0 ? 0 : rows));
  if (!list.is_valid()) {
    throw nb::python_error();
  }
  const auto* data = reinterpret_cast<const char*>(bytes.data());
  for (Py_ssize_t i = 0; i < rows; ++i) {
    const int64_t begin = offsets.data()[i];
    const int64_t end = offsets.data()[i + 1];
    if (begin < 0 || end < begin || static_cast<uint64_t>(end) > bytes.size()) {
      throw Error(ErrorCode::kInvalid, "row " + std::to_string(i) + " is bytes " +
                                           std::to_string(begin) + " to " + std::to_string(end) +
                                           " of " + std::to_string(bytes.size()));
    }
    PyObject* row = make(data + begin, static_cast<Py_ssize_t>(end - begin));
    if (row == nullptr || PyList_SetItem(list.ptr(), i, row) != 0) {
      throw nb::python_error();
    }
  }
  return list;
}

nb::object text_rows(const Offsets& offsets, const Bytes& bytes) {
  return list_of_rows(offsets, bytes, [](const char* data, Py_ssize_t size) {
    return PyUnicode_DecodeUTF8(data, size, nullptr);
  });
}

nb::object bytes_rows(const Offsets& offsets, const Bytes& bytes) {
  return list_of_rows(offsets, bytes, [](const char* data, Py_ssize_t size) {
    return PyBytes_FromStringAndSize(data, size);
  });
}

}  // namespace

void bind_byte_rows(nb::module_& module) {
  module.def("text_rows", &text_rows, "offsets"_a, "values"_a,
             "Rows of text as a list of str. Raises UnicodeDecodeError.",
             nb::sig("def text_rows(offsets: typing.Any, values: typing.Any) -> list[str]"));
  module.def("bytes_rows", &bytes_rows, "offsets"_a, "values"_a,
             "Rows of bytes as a list of bytes.",
             nb::sig("def bytes_rows(offsets: typing.Any, values: typing.Any) -> list[bytes]"));
}

}  // namespace headrace::python
