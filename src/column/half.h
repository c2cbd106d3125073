#pragma once

#include <bit>
#include <cstdint>

// The two 16-bit float formats as bit patterns: IEEE 754 binary16, and bfloat16, the upper half of
// a binary32. C++20 has no type for either (_Float16 needs g++ 12, and calls a library function per
// value without F16C).
namespace headrace {

struct Half {
  uint16_t bits;
};

struct Bfloat {
  uint16_t bits;
};

// Exact.
inline float to_float(Half value) noexcept {
  const uint32_t sign = (value.bits & 0x8000U) << 16;
  const uint32_t magnitude = value.bits & 0x7FFFU;
  if (magnitude >= 0x7C00U) {  // infinity or NaN
    return std::bit_cast<float>(sign | 0x7F800000U | (magnitude & 0x3FFU) << 13);
  }
  if (magnitude >= 0x0400U) {
    return std::bit_cast<float>(sign | ((magnitude << 13) + 0x38000000U));
  }
  // Subnormal: a multiple of 2^-24.
  const float scaled = static_cast<float>(magnitude) * 0x1p-24F;
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(scaled));
}

// Exact.
inline float to_float(Bfloat value) noexcept {
  return std::bit_cast<float>(static_cast<uint32_t>(value.bits) << 16);
}

// Rounds the bits of a double to the nearest number with `mantissa` fraction bits and exponents
// from `min_exponent`, ties to even, in one step: a detour through float would round twice. Returns
// sign-less bits of the small format whose exponent bias is 1 - min_exponent; overflow gives
// `infinity`.
inline uint16_t round_magnitude(double value, int mantissa, int min_exponent,
                                uint16_t infinity) noexcept {
  const uint64_t bits = std::bit_cast<uint64_t>(value) & ~(uint64_t{1} << 63);
  const int exponent = static_cast<int>(bits >> 52) - 1023;
  if (exponent == 1024) {  // infinity stays; NaN keeps its top fraction bits and stays a NaN
    const auto fraction = static_cast<uint16_t>(bits << 12 >> (64 - mantissa));
    const bool nan = (bits << 12) != 0;
    return nan ? static_cast<uint16_t>(infinity | fraction | 1U << (mantissa - 1)) : infinity;
  }
  if (exponent < min_exponent - mantissa - 1) {
    return 0;
  }
  const uint64_t significand = (bits & 0xFFFFFFFFFFFFFU) | uint64_t{1} << 52;
  // Below the smallest normal number fewer fraction bits remain.
  const int denormal = exponent < min_exponent ? min_exponent - exponent : 0;
  const int dropped = 52 - mantissa + denormal;
  const uint64_t kept = significand >> dropped;
  const uint64_t rest = significand & ((uint64_t{1} << dropped) - 1);
  const uint64_t half = uint64_t{1} << (dropped - 1);
  const uint64_t rounded = kept + (rest > half || (rest == half && (kept & 1U) != 0) ? 1U : 0U);
  // A carry out of the fraction adds 1 to the exponent field, as it should.
  const uint64_t biased =
      denormal > 0 ? rounded
                   : rounded + (static_cast<uint64_t>(exponent - min_exponent) << mantissa);
  return biased >= infinity ? infinity : static_cast<uint16_t>(biased);
}

inline uint16_t sign_bit(double value) noexcept {
  return static_cast<uint16_t>(std::bit_cast<uint64_t>(value) >> 48 & 0x8000U);
}

inline Half to_half(double value) noexcept {
  return {static_cast<uint16_t>(sign_bit(value) | round_magnitude(value, 10, -14, 0x7C00))};
}

inline Bfloat to_bfloat(double value) noexcept {
  return {static_cast<uint16_t>(sign_bit(value) | round_magnitude(value, 7, -126, 0x7F80))};
}

}  // namespace headrace
