#pragma once

#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

// The few statistics of the order tests. Every seed is fixed, so a test passes always or never.
namespace headrace {

// Pearson's statistic of `counts` against equal expectations.
inline double chi_square(const std::vector<uint64_t>& counts) {
  const auto total = std::accumulate(counts.begin(), counts.end(), uint64_t{0});
  const double expected = static_cast<double>(total) / static_cast<double>(counts.size());
  double sum = 0;
  for (const uint64_t count : counts) {
    const double off = static_cast<double>(count) - expected;
    sum += off * off / expected;
  }
  return sum;
}

// How far that statistic is from its mean, in its standard deviations, either way.
inline double chi_square_sigmas(const std::vector<uint64_t>& counts) {
  const double freedom = static_cast<double>(counts.size() - 1);
  return std::abs(chi_square(counts) - freedom) / std::sqrt(2 * freedom);
}

// Pearson's correlation of two sequences of equal length.
inline double correlation(const std::vector<uint64_t>& a, const std::vector<uint64_t>& b) {
  const double n = static_cast<double>(a.size());
  const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / n;
  const double mean_b = std::accumulate(b.begin(), b.end(), 0.0) / n;
  double ab = 0;
  double aa = 0;
  double bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = static_cast<double>(a[i]) - mean_a;
    const double y = static_cast<double>(b[i]) - mean_b;
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return ab / std::sqrt(aa * bb);
}

// Places at which both hold the same value.
inline uint64_t fixed_points(const std::vector<uint64_t>& a, const std::vector<uint64_t>& b) {
  uint64_t equal = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    equal += a[i] == b[i] ? 1 : 0;
  }
  return equal;
}

}  // namespace headrace
