#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "transform/digits.h"

namespace headrace {

// How many bytes behind a text read_short_decimal() may load.
inline constexpr unsigned kDecimalPadding = 16;

inline constexpr unsigned kMostWholeDigits = 7;
inline constexpr unsigned kMostFractionDigits = 16;

// The number that some digits are, before and behind a point, where it is made of no more than
// 2^53: an exact integer, divided by an exact power of ten, is rounded once, to the nearest
// (Clinger). Returns false where it is not, or where there are too many digits or none. Requires:
// up to 8 readable bytes from each digit on; fraction_count <= 16.
inline bool short_decimal(const char* whole, unsigned whole_count, const char* fraction,
                          unsigned fraction_count, double& value) noexcept {
  constexpr uint64_t kMostExact = uint64_t{1} << 53;
  constexpr uint64_t kRoomForEight = 100'000'000'000;  // less times 10^8 fits 64 bits
  static constexpr std::array<uint64_t, 9> kPowers = {1,      10,      100,      1000,     10000,
                                                      100000, 1000000, 10000000, 100000000};
  static constexpr std::array<double, kMostFractionDigits + 1> kDivisors = {
      1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16};
  if (whole_count > kMostWholeDigits || whole_count + fraction_count == 0) {
    return false;
  }
  uint64_t mantissa = digits_value(load_digits(whole), whole_count);
  const unsigned first = fraction_count < 8 ? fraction_count : 8;
  mantissa = mantissa * kPowers[first] + digits_value(load_digits(fraction), first);
  if (fraction_count > 8) {
    if (mantissa >= kRoomForEight) {
      return false;
    }
    const unsigned rest = fraction_count - 8;
    mantissa = mantissa * kPowers[rest] + digits_value(load_digits(fraction + 8), rest);
  }
  value = static_cast<double>(mantissa) / kDivisors[fraction_count];
  return mantissa <= kMostExact;
}

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
