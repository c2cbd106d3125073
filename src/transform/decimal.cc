#include "transform/decimal.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <system_error>

#include "transform/digits.h"

namespace headrace {
namespace {

constexpr unsigned kMostFraction = 16;
constexpr uint64_t kMostExact = uint64_t{1} << 53;
constexpr uint64_t kRoomForEight = 100'000'000'000;  // less times 10^8 fits 64 bits

constexpr std::array<uint64_t, 9> kPowers = {1,      10,      100,      1000,     10000,
                                             100000, 1000000, 10000000, 100000000};

// All exact: a quotient of two exact doubles is rounded once, to the nearest (Clinger).
constexpr std::array<double, kMostFraction + 1> kDivisors = {
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16};

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
  const char* at = text + (negative ? 1 : 0);
  const uint64_t whole = load_digits(at);
  const unsigned whole_count = count_digits(whole);
  uint64_t mantissa = digits_value(whole, whole_count);
  at += whole_count;
  unsigned fraction_count = 0;
  if (*at == '.') {
    ++at;
    const uint64_t fraction = load_digits(at);
    fraction_count = count_digits(fraction);
    mantissa = mantissa * kPowers[fraction_count] + digits_value(fraction, fraction_count);
    at += fraction_count;
    if (fraction_count == 8) {
      const uint64_t rest = load_digits(at);
      const unsigned rest_count = count_digits(rest);
      if (rest_count > 0 && mantissa >= kRoomForEight) {
        return nullptr;
      }
      mantissa = mantissa * kPowers[rest_count] + digits_value(rest, rest_count);
      at += rest_count;
      fraction_count += rest_count;
    }
  }
  const bool any = whole_count + fraction_count > 0;
  if (!any || whole_count == 8 || mantissa > kMostExact || is_digit(*at)) {
    return nullptr;
  }
  const double magnitude = static_cast<double>(mantissa) / kDivisors[fraction_count];
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
