#include "base/hash_digits.h"

namespace headrace {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

}  // namespace

std::string hash_digits(uint64_t hash) {
  std::string digits(kHashDigits, '0');
  for (size_t i = kHashDigits; i > 0; --i, hash >>= 4) {
    digits[i - 1] = kDigits[hash & 15];
  }
  return digits;
}

std::optional<uint64_t> parse_hash_digits(std::string_view digits) noexcept {
  if (digits.size() != kHashDigits) {
    return std::nullopt;
  }
  uint64_t hash = 0;
  for (const char digit : digits) {
    const size_t value = kDigits.find(digit);
    if (value == std::string_view::npos) {
      return std::nullopt;
    }
    hash = hash << 4 | value;
  }
  return hash;
}

}  // namespace headrace
