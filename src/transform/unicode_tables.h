#pragma once

#include <cstdint>
#include <span>

// What Python's re and str know of characters, in a short form. characters.h makes it quick.
namespace headrace::unicode_tables {

// The version of Unicode, such as "14.0.0".
const char* version() noexcept;

// Where a property begins, ends, begins again and so on, in rising order.
std::span<const char32_t> word() noexcept;       // \w of re: str.isalnum() and "_"
std::span<const char32_t> space() noexcept;      // \s of re: str.isspace()
std::span<const char32_t> cased() noexcept;      // Cased and not Case_Ignorable
std::span<const char32_t> ignorable() noexcept;  // Case_Ignorable

// first, first + step, ..., last have their lower case `delta` further on. Without U+0130, the one
// character whose lower case is two.
struct LowerRun {
  char32_t first;
  char32_t last;
  uint32_t step;
  int32_t delta;
};
std::span<const LowerRun> lower() noexcept;

}  // namespace headrace::unicode_tables
