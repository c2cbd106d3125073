#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

// Decimal digits, eight at a time in one register: no branch depends on how many there are.
namespace headrace {

// Eight bytes of text, the first of which is the lowest, with '0' to '9' as 0 to 9.
inline uint64_t load_digits(const char* text) noexcept {
  uint64_t word = 0;
  std::memcpy(&word, text, sizeof(word));
  if constexpr (std::endian::native == std::endian::big) {
    word = __builtin_bswap64(word);
  }
  return word ^ 0x3030303030303030;
}

// How many of them, from the first on, are digits.
inline unsigned count_digits(uint64_t digits) noexcept {
  // A byte above 9 sets its high bit; sums carry only into bytes behind the first of those.
  const uint64_t others = ((digits + 0x7676767676767676) | digits) & 0x8080808080808080;
  return static_cast<unsigned>(std::countr_zero(others)) / 8;
}

// The number that the first `count` of them are. Requires: count <= 8, and these are digits.
inline uint64_t digits_value(uint64_t digits, unsigned count) noexcept {
  // Moved up behind leading zeros, in two steps, since a shift by 64 has no meaning.
  const unsigned half = 4 * (8 - count);
  uint64_t word = digits << half << half;
  word = word * 10 + (word >> 8);
  return (((word & 0x000000FF000000FF) * 0x000F424000000064) +
          (((word >> 16) & 0x000000FF000000FF) * 0x0000271000000001)) >>
         32;
}

}  // namespace headrace
