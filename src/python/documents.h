#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <nanobind/nanobind.h>

namespace headrace::python {

// Texts taken from an iterator of Python, some megabytes at once, as UTF-8 that may be read without
// the GIL. Characters that are ASCII, and bytes, are not copied.
class Documents {
 public:
  // Throws kInvalid for a str, which is one document and no iterable of them.
  explicit Documents(const nanobind::handle& texts);

  // The next texts, none behind the last; they hold until the next call. Throws kInvalid for what
  // is neither str nor bytes, and for text with surrogates, by its number.
  std::span<const std::string_view> next();

  // The number of the first of them.
  uint64_t first() const noexcept { return first_; }

 private:
  void add(nanobind::object text, uint64_t number);

  nanobind::object iterator_;
  bool ended_ = false;
  uint64_t first_ = 0;
  std::vector<nanobind::object> owners_;
  std::vector<std::string_view> texts_;
};

}  // namespace headrace::python
