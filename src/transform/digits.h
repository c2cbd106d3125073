#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

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

// Which of the 32 bytes at `text` are no digits: bit i for byte i.
inline uint32_t other_bytes(const char* text) noexcept {
#ifdef __SSE2__
  const auto digits = [](const char* bytes) {
    const __m128i word = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
    const __m128i values = _mm_sub_epi8(word, _mm_set1_epi8('0'));
    const __m128i is_digit = _mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values);
    return static_cast<uint32_t>(_mm_movemask_epi8(is_digit));
  };
  return ~(digits(text) | digits(text + 16) << 16);
#else
  uint32_t others = 0;
  for (unsigned i = 0; i < 32; ++i) {
    others |= static_cast<uint32_t>(text[i] < '0' || text[i] > '9') << i;
  }
  return others;
#endif
}

}  // namespace headrace
