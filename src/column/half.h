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

// Exact. What each kind of number would become is computed and then chosen, here and below, so that
// a loop has no branch and becomes vector instructions.
[[gnu::always_inline]] inline float to_float(Half value) noexcept {
  const uint32_t sign = (value.bits & 0x8000U) << 16;
  const uint32_t magnitude = value.bits & 0x7FFFU;
  const uint32_t normal = (magnitude << 13) + 0x38000000U;
  const uint32_t infinity_or_nan = normal + 0x38000000U;
  // A multiple of 2^-24.
  const float scaled = static_cast<float>(static_cast<int32_t>(magnitude)) * 0x1p-24F;
  const uint32_t finite = magnitude >= 0x0400U ? normal : std::bit_cast<uint32_t>(scaled);
  return std::bit_cast<float>(sign | (magnitude >= 0x7C00U ? infinity_or_nan : finite));
}

// Exact.
[[gnu::always_inline]] inline float to_float(Bfloat value) noexcept {
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

// The same of a float, in fewer steps.
[[gnu::always_inline]] inline Half to_half(float value) noexcept {
  const uint32_t sign = std::bit_cast<uint32_t>(value) >> 16 & 0x8000U;
  const uint32_t magnitude = std::bit_cast<uint32_t>(value) & 0x7FFFFFFFU;
  // Just under half of what is cut off is added, and one if the last bit kept is odd. A carry out
  // of the fraction adds 1 to the exponent field, as it should.
  const uint32_t normal = (magnitude - 0x38000000U + 0xFFFU + (magnitude >> 13 & 1U)) >> 13;
  // In the sum the last bit counts multiples of 2^-24: the addition rounds.
  const float sum = std::bit_cast<float>(magnitude) + 0.5F;
  const uint32_t subnormal = std::bit_cast<uint32_t>(sum) - 0x3F000000U;
  const uint32_t nan = 0x7E00U | (magnitude >> 13 & 0x3FFU);
  const uint32_t finite = magnitude < 0x38800000U ? subnormal : normal;
  const uint32_t at_most_infinity = magnitude < 0x47800000U ? finite : 0x7C00U;
  return {static_cast<uint16_t>(sign | (magnitude > 0x7F800000U ? nan : at_most_infinity))};
}

[[gnu::always_inline]] inline Bfloat to_bfloat(float value) noexcept {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16;
  const uint32_t nan = bits >> 16 | 0x40U;
  return {static_cast<uint16_t>((bits & 0x7FFFFFFFU) > 0x7F800000U ? nan : rounded)};
}

}  // namespace headrace
