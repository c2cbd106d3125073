#pragma once

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "column/schema.h"

// What Conversion should give, by another road than the code takes: every element as a long double,
// which holds each value of each dtype exactly, and rounding by arithmetic instead of by bits.
namespace headrace {

static_assert(LDBL_MANT_DIG >= 64, "the oracle needs a long double that holds every uint64");

struct FloatFormat {
  int fraction_bits;
  int min_exponent;
  int max_exponent;
};

inline constexpr FloatFormat kHalfFormat = {10, -14, 15};
inline constexpr FloatFormat kBfloatFormat = {7, -126, 127};
inline constexpr FloatFormat kFloatFormat = {23, -126, 127};
inline constexpr FloatFormat kDoubleFormat = {52, -1022, 1023};

// The number of `format` nearest to `value`, ties to even, as a long double.
inline long double round_to(long double value, const FloatFormat& format) {
  if (!std::isfinite(value) || value == 0) {
    return value;
  }
  const int exponent = std::max(std::ilogb(value), format.min_exponent);
  const long double unit = std::ldexp(1.0L, exponent - format.fraction_bits);
  const long double rounded =
      std::nearbyint(value / unit) * unit;  // both steps but nearbyint are exact
  const long double limit = std::ldexp(1.0L, format.max_exponent + 1);
  return std::fabs(rounded) >= limit ? std::copysign(HUGE_VALL, value) : rounded;
}

// The bits of a number that `format` holds, for the formats of 16 bits.
inline uint16_t small_float_bits(long double value, const FloatFormat& format) {
  const auto sign = static_cast<uint16_t>(std::signbit(value) ? 0x8000U : 0U);
  const int bias = format.max_exponent;
  const auto infinity = static_cast<uint16_t>((2 * bias + 1) << format.fraction_bits);
  if (std::isnan(value)) {
    return static_cast<uint16_t>(sign | infinity | 1U);
  }
  if (std::isinf(value)) {
    return static_cast<uint16_t>(sign | infinity);
  }
  const long double magnitude = std::fabs(value);
  if (magnitude < std::ldexp(1.0L, format.min_exponent)) {
    const auto units =
        static_cast<unsigned>(std::ldexp(magnitude, format.fraction_bits - format.min_exponent));
    return static_cast<uint16_t>(sign | units);
  }
  const int exponent = std::ilogb(magnitude);
  const auto significand =
      static_cast<unsigned>(std::ldexp(magnitude, format.fraction_bits - exponent));
  const unsigned fraction = significand - (1U << format.fraction_bits);
  return static_cast<uint16_t>(
      sign | static_cast<unsigned>(exponent + bias) << format.fraction_bits | fraction);
}

// The value of 16 bits of `format`, from its definition.
inline long double small_float_value(uint16_t bits, const FloatFormat& format) {
  const int bias = format.max_exponent;
  const int field = (bits & 0x7FFF) >> format.fraction_bits;
  const int fraction = bits & ((1 << format.fraction_bits) - 1);
  const long double sign = (bits & 0x8000) != 0 ? -1.0L : 1.0L;
  if (field == 2 * bias + 1) {
    return fraction != 0 ? std::numeric_limits<long double>::quiet_NaN() : sign * HUGE_VALL;
  }
  const int hidden = field == 0 ? 0 : 1 << format.fraction_bits;
  return sign * std::ldexp(static_cast<long double>(fraction + hidden),
                           std::max(field, 1) - bias - format.fraction_bits);
}

template <typename T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

// The value of one element.
inline long double decode(DType dtype, const std::byte* from) {
  switch (dtype) {
    case DType::kBool:
      return load<uint8_t>(from) != 0 ? 1.0L : 0.0L;
    case DType::kUint8:
      return load<uint8_t>(from);
    case DType::kUint16:
      return load<uint16_t>(from);
    case DType::kUint32:
      return load<uint32_t>(from);
    case DType::kUint64:
      return static_cast<long double>(load<uint64_t>(from));
    case DType::kInt8:
      return load<int8_t>(from);
    case DType::kInt16:
      return load<int16_t>(from);
    case DType::kInt32:
      return load<int32_t>(from);
    case DType::kInt64:
      return static_cast<long double>(load<int64_t>(from));
    case DType::kFloat16:
      return small_float_value(load<uint16_t>(from), kHalfFormat);
    case DType::kBfloat16:
      return small_float_value(load<uint16_t>(from), kBfloatFormat);
    case DType::kFloat32:
      return load<float>(from);
    case DType::kFloat64:
      return load<double>(from);
  }
  return 0;
}

// Bits and sign of an integer dtype.
struct IntegerFormat {
  int bits;
  bool is_signed;
};

inline IntegerFormat integer_format(DType dtype) {
  const bool is_signed = dtype == DType::kInt8 || dtype == DType::kInt16 ||
                         dtype == DType::kInt32 || dtype == DType::kInt64;
  return {static_cast<int>(dtype_size(dtype)) * 8, is_signed};
}

// A float's whole part in the range of `format`; NaN is 0.
inline long double saturate(long double value, const IntegerFormat& format) {
  if (std::isnan(value)) {
    return 0;
  }
  const long double end = std::ldexp(1.0L, format.is_signed ? format.bits - 1 : format.bits);
  return std::fmin(std::fmax(std::trunc(value), format.is_signed ? -end : 0.0L), end - 1);
}

// An integer modulo 2^bits.
inline long double wrap(long double value, const IntegerFormat& format) {
  const long double period = std::ldexp(1.0L, format.bits);
  const long double low = value - std::floor(value / period) * period;
  return format.is_signed && low >= period / 2 ? low - period : low;
}

// The value that an element of `from` with `value` has as `to`.
inline long double converted(long double value, DType from, DType to) {
  switch (to) {
    case DType::kBool:
      return value != 0 ? 1.0L : 0.0L;  // NaN is not zero
    case DType::kFloat16:
      return round_to(value, kHalfFormat);
    case DType::kBfloat16:
      return round_to(value, kBfloatFormat);
    case DType::kFloat32:
      return round_to(value, kFloatFormat);
    case DType::kFloat64:
      return round_to(value, kDoubleFormat);
    default:
      return is_float(from) ? saturate(value, integer_format(to)) : wrap(value, integer_format(to));
  }
}

}  // namespace headrace
