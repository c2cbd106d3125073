#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include "column/vector_kernels.h"

namespace headrace {

// Replaces each value x by log(1 + x), exact near 0 too; -1 becomes -infinity, less becomes NaN.
// A float is within 1.3 units in the last place, and the same wherever it stands and whatever
// `set` is; a double is that of the C library. Requires: the processor has `set`.
void log1p(std::span<float> values, VectorSet set = vector_set()) noexcept;
void log1p(std::span<double> values) noexcept;

// log(1 + x) of one float, as above. Nothing but arithmetic and selections, so that a loop of it
// becomes vector instructions.
//
// With 1 + x = 2^k (1 + m) and m from -1/4 to 1/2 it is k log(2) + log(1 + m). m is exact: x / 2^k
// and 1 - 1 / 2^k are, and are within a factor of 2 of each other unless k = 0, so their difference
// is, too (Sterbenz); but for the float below 1/2, whose 1 + x is rounded to 3/2. It is the one
// that is wrong by 1.27 units; all others, tried one by one, are within 0.92. log(1 + m) is m -
// m^2/2 + m^3 ... by a polynomial whose relative error is 2^-27.6, found by Lawson's iteration
// (tools/fit_log1p.py). The reduction is that of N. Juffa's log1pf. Fused operations are asked for
// by name: every processor rounds them alike, those that have none (x86 before 2013) in the C
// library.
[[gnu::always_inline]] inline float log1p_of(float x) noexcept {
  constexpr uint32_t kThreeQuarters = 0x3F400000;
  constexpr uint32_t kFour = 0x40800000;
  constexpr uint32_t kExponent = 0xFF800000;
  constexpr float kLn2 = 0x1.62E43p-1F;
  const uint32_t k = (std::bit_cast<uint32_t>(1.0F + x) - kThreeQuarters) & kExponent;  // * 2^23
  const auto minus_k = static_cast<float>(static_cast<int32_t>(0 - k));                 // * 2^23
  const auto four = std::bit_cast<float>(kFour - k);  // 4 / 2^k: 1 / 2^k may be subnormal
  // Differences in this direction keep the sign of a zero.
  const float m =
      std::bit_cast<float>(std::bit_cast<uint32_t>(x) - k) - std::fma(-0.25F, four, 1.0F);
  // Higher powers even and odd by themselves: fewer steps wait for each other.
  const float z = m * m;
  float even = std::fma(-0x1.7140ACp-5F, z, -0x1.0D8A9p-3F);
  float odd = std::fma(0x1.AC90BAp-4F, z, 0x1.28847Ep-3F);
  even = std::fma(even, z, -0x1.54EFDCp-3F);
  odd = std::fma(odd, z, 0x1.9969Bp-3F);
  even = std::fma(even, z, -0x1.00004p-2F);
  float series = std::fma(odd, m, even);
  series = std::fma(series, m, 0x1.5555A4p-2F);
  series = std::fma(series, m, -0.5F);
  const float logarithm = std::fma(minus_k, kLn2 * -0x1p-23F, std::fma(z, series, m));
  // Of -1 it is -infinity: m is -2^127 then, and the powers overflow.
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  const float number = x >= -1.0F ? logarithm : kNaN;
  return x < std::numeric_limits<float>::infinity() ? number : x;  // infinity or NaN
}

}  // namespace headrace
