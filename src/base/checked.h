#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

// Arithmetic on numbers that come from files or users: overflow is an error, never a wrap.
namespace headrace {

// a + b. Throws kInvalid naming `what` when the sum does not fit.
inline uint64_t checked_add(uint64_t a, uint64_t b, const char* what) {
  uint64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) {
    throw Error(ErrorCode::kInvalid, std::string(what) + ": " + std::to_string(a) + " + " +
                                         std::to_string(b) + " does not fit 64 bits");
  }
  return sum;
}

// a * b. Throws kInvalid naming `what` when the product does not fit.
inline uint64_t checked_mul(uint64_t a, uint64_t b, const char* what) {
  uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) {
    throw Error(ErrorCode::kInvalid, std::string(what) + ": " + std::to_string(a) + " * " +
                                         std::to_string(b) + " does not fit 64 bits");
  }
  return product;
}

// a + b, or the largest number where the sum does not fit: for needs that are then compared with
// what there is.
constexpr uint64_t saturating_add(uint64_t a, uint64_t b) noexcept {
  uint64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

// a * b, or the largest number where the product does not fit.
constexpr uint64_t saturating_mul(uint64_t a, uint64_t b) noexcept {
  uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

// Whether [offset, offset + count) lies in [0, size), for any values.
constexpr bool range_fits(uint64_t offset, uint64_t count, uint64_t size) noexcept {
  return offset <= size && count <= size - offset;
}

// floor(a * b / divisor) with a 128-bit product. Requires: divisor > 0 and a result below 2^64.
constexpr uint64_t mul_div(uint64_t a, uint64_t b, uint64_t divisor) noexcept {
  __extension__ using Wide = unsigned __int128;
  return static_cast<uint64_t>(static_cast<Wide>(a) * b / divisor);
}

}  // namespace headrace
