#include "python/documents.h"

#include <string>
#include <utility>

#include "base/error.h"

namespace nb = nanobind;

namespace headrace::python {
namespace {

constexpr uint64_t kBlockBytes = uint64_t{32} << 20;
constexpr size_t kBlockTexts = size_t{1} << 16;

nb::object iterator_over(const nb::handle& texts) {
  if (PyUnicode_Check(texts.ptr()) != 0 || PyBytes_Check(texts.ptr()) != 0) {
    throw Error(ErrorCode::kInvalid,
                "transform takes an iterable of texts, and this is a single one; pass [text]");
  }
  PyObject* iterator = PyObject_GetIter(texts.ptr());
  if (iterator == nullptr) {
    throw nb::python_error();
  }
  return nb::steal(iterator);
}

std::string_view bytes_of(const nb::handle& bytes) {
  char* data = nullptr;
  Py_ssize_t size = 0;
  if (PyBytes_AsStringAndSize(bytes.ptr(), &data, &size) != 0) {
    throw nb::python_error();
  }
  return {data, static_cast<size_t>(size)};
}

bool is_ascii(const nb::handle& text) {
#if defined(Py_LIMITED_API)
  return nb::cast<bool>(text.attr("isascii")());
#else
  return PyUnicode_IS_COMPACT_ASCII(text.ptr());
#endif
}

// The UTF-8 of a str. That of ASCII is its own memory; of others Python would keep its own copy as
// long as the str lives, so they are encoded to an object that is let go of.
std::string_view utf8_of(nb::object& text) {
  if (is_ascii(text)) {
    Py_ssize_t size = 0;
    const char* data = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
    if (data == nullptr) {
      throw nb::python_error();
    }
    return {data, static_cast<size_t>(size)};
  }
  PyObject* encoded = PyUnicode_AsUTF8String(text.ptr());
  if (encoded == nullptr) {
    throw nb::python_error();
  }
  text = nb::steal(encoded);
  return bytes_of(text);
}

Error not_unicode(uint64_t number, const nb::python_error& error) {
  return Error(ErrorCode::kInvalid,
               "document " + std::to_string(number) + " is not Unicode (" +
                   nb::str(error.value()).c_str() +
                   "); make it so, for example with text.encode(errors=\"replace\")",
               {.file = "", .column = "", .row = number});
}

Error no_text(uint64_t number, const nb::handle& found) {
  return Error(ErrorCode::kInvalid,
               "document " + std::to_string(number) + " is a " + nb::inst_name(found).c_str() +
                   ", and documents are str or bytes",
               {.file = "", .column = "", .row = number});
}

}  // namespace

Documents::Documents(const nb::handle& texts) : iterator_(iterator_over(texts)) {}

std::span<const std::string_view> Documents::next() {
  first_ += texts_.size();
  texts_.clear();
  owners_.clear();
  uint64_t bytes = 0;
  while (!ended_ && bytes < kBlockBytes && texts_.size() < kBlockTexts) {
    nb::object text = nb::steal(PyIter_Next(iterator_.ptr()));
    if (!text.is_valid()) {
      if (PyErr_Occurred() != nullptr) {
        throw nb::python_error();
      }
      ended_ = true;
      break;
    }
    add(std::move(text), first_ + texts_.size());
    bytes += texts_.back().size();
  }
  return texts_;
}

void Documents::add(nb::object text, uint64_t number) {
  if (PyUnicode_Check(text.ptr()) != 0) {
    try {
      texts_.push_back(utf8_of(text));
    } catch (nb::python_error& error) {
      if (!error.matches(PyExc_UnicodeEncodeError)) {
        throw;
      }
      throw not_unicode(number, error);
    }
  } else if (PyBytes_Check(text.ptr()) != 0) {
    texts_.push_back(bytes_of(text));
  } else {
    throw no_text(number, text);
  }
  owners_.push_back(std::move(text));
}

}  // namespace headrace::python
