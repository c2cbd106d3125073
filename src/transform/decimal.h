#pragma once

#include <string_view>

namespace headrace {

// How many bytes behind a text read_short_decimal() may load.
inline constexpr unsigned kDecimalPadding = 16;

// The number that begins at `text`, where it is a plain decimal of few digits: an optional minus,
// up to 7 digits, and optionally a point and up to 16 digits, of which no more than 2^53 is made.
// Returns where it ends, or nullptr where it is anything else, which parse_decimal() may know. What
// follows the number is for the caller to look at; it is never a digit. Requires: kDecimalPadding
// readable bytes from the last byte of the number on.
const char* read_short_decimal(const char* text, double& value) noexcept;

// The double nearest to `text`, which is a number as Python's float() takes it, but for its
// underscores and spaces: a decimal with an optional sign, point and exponent, "inf", "infinity" or
// "nan" in any case. Beyond the range of double it is infinite or 0. Returns false for other text.
bool parse_decimal(std::string_view text, double& value) noexcept;

}  // namespace headrace
