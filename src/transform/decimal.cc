#include "transform/decimal.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <system_error>

#include "transform/digits.h"

namespace headrace {
namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// Whether a decimal that is no double is too large for one, rather than too small.
bool is_large(std::string_view text) noexcept {
  int64_t digits_before_point = 0;  // from the first that is not 0; fewer than none for 0.00x
  bool behind_point = false;
  bool behind_zeros = false;
  size_t at = 0;
  for (; at < text.size() && text[at] != 'e' && text[at] != 'E'; ++at) {
    if (text[at] == '.') {
      behind_point = true;
      continue;
    }
    behind_zeros = behind_zeros || text[at] != '0';
    if (behind_zeros != behind_point) {
      digits_before_point += behind_point ? -1 : 1;
    }
  }
  int64_t exponent = 0;
  if (at < text.size()) {
    const bool negative = text[at + 1] == '-';
    for (const char c : text.substr(at + 1)) {
      if (is_digit(c)) {
        exponent = std::min<int64_t>(exponent * 10 + (c - '0'), INT32_MAX);
      }
    }
    exponent = negative ? -exponent : exponent;
  }
  return digits_before_point + exponent > 0;
}

bool is_nan(std::string_view text) noexcept {
  return text.size() == 3 && (text[0] | 0x20) == 'n' && (text[1] | 0x20) == 'a' &&
         (text[2] | 0x20) == 'n';
}

}  // namespace

const char* read_short_decimal(const char* text, double& value) noexcept {
  const bool negative = *text == '-';
  const char* whole = text + (negative ? 1 : 0);
  const unsigned whole_count = count_digits(load_digits(whole));
  const char* at = whole + whole_count;
  const char* fraction = at + 1;
  unsigned fraction_count = 0;
  if (*at == '.') {
    fraction_count = count_digits(load_digits(fraction));
    fraction_count += fraction_count == 8 ? count_digits(load_digits(fraction + 8)) : 0;
    at = fraction + fraction_count;
  }
  double magnitude = 0;
  if (is_digit(*at) || !short_decimal(whole, whole_count, fraction, fraction_count, magnitude)) {
    return nullptr;
  }
  value = negative ? -magnitude : magnitude;
  return at;
}

bool parse_decimal(std::string_view text, double& value) noexcept {
  const bool negative = !text.empty() && text.front() == '-';
  if (negative || (!text.empty() && text.front() == '+')) {
    text.remove_prefix(1);
  }
  double magnitude = 0;
  if (is_nan(text)) {
    magnitude = std::numeric_limits<double>::quiet_NaN();
  } else if (text.empty() || text.front() == '-' || (text.front() | 0x20) == 'n') {
    return false;  // from_chars() takes a minus of its own, and nan(...)
  } else {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), magnitude);
    if (end != text.data() + text.size() || error == std::errc::invalid_argument) {
      return false;
    }
    if (error == std::errc::result_out_of_range) {
      magnitude = is_large(text) ? std::numeric_limits<double>::infinity() : 0.0;
    }
  }
  value = negative ? -magnitude : magnitude;
  return true;
}

}  // namespace headrace
