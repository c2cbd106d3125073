#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace headrace {

// What is known of each number of a row over many rows: how many there are, their mean, the sum of
// squared distances from it, the least and the largest. NaN is left out and counts for nothing.
//
// Two passes over a block of rows, and blocks are merged after Chan, Golub and LeVeque (1979), so
// no square of a large mean is ever subtracted from another. Which numbers are merged, and in which
// order, decides the last bits: callers who want them equal keep to one order.
class Moments {
 public:
  // For rows of `width` numbers.
  explicit Moments(uint64_t width);

  // Of what was told: vectors of equal lengths.
  Moments(std::vector<uint64_t> counts, std::vector<double> means, std::vector<double> squares,
          std::vector<double> lows, std::vector<double> highs);

  // Adds rows that lie one after another. Requires: a multiple of width().
  void add(std::span<const double> rows);

  // Adds what `other` knows. Requires: equal widths.
  void merge(const Moments& other) noexcept;

  uint64_t width() const noexcept { return means_.size(); }
  const std::vector<uint64_t>& counts() const noexcept { return counts_; }
  const std::vector<double>& means() const noexcept { return means_; }
  // Divided by the count they are the variance.
  const std::vector<double>& squares() const noexcept { return squares_; }
  const std::vector<double>& lows() const noexcept { return lows_; }    // infinity for no number
  const std::vector<double>& highs() const noexcept { return highs_; }  // -infinity for no number

 private:
  std::vector<uint64_t> counts_;
  std::vector<double> means_;
  std::vector<double> squares_;
  std::vector<double> lows_;
  std::vector<double> highs_;
};

}  // namespace headrace
