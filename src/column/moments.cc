#include "column/moments.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace headrace {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

Moments::Moments(uint64_t width)
    : counts_(width),
      means_(width),
      squares_(width),
      lows_(width, kInfinity),
      highs_(width, -kInfinity) {}

Moments::Moments(std::vector<uint64_t> counts, std::vector<double> means,
                 std::vector<double> squares, std::vector<double> lows, std::vector<double> highs)
    : counts_(std::move(counts)),
      means_(std::move(means)),
      squares_(std::move(squares)),
      lows_(std::move(lows)),
      highs_(std::move(highs)) {}

void Moments::add(std::span<const double> rows) {
  const uint64_t width = this->width();
  Moments block(width);
  // Sums first; a number is left out by selection, not by a branch, so that loops become vectors.
  for (uint64_t first = 0; first < rows.size(); first += width) {
    const double* row = rows.data() + first;
    for (uint64_t i = 0; i < width; ++i) {
      const bool present = row[i] == row[i];
      block.counts_[i] += present ? 1 : 0;
      block.means_[i] += present ? row[i] : 0.0;
      block.lows_[i] = row[i] < block.lows_[i] ? row[i] : block.lows_[i];
      block.highs_[i] = row[i] > block.highs_[i] ? row[i] : block.highs_[i];
    }
  }
  for (uint64_t i = 0; i < width; ++i) {
    block.means_[i] /= static_cast<double>(std::max<uint64_t>(1, block.counts_[i]));
  }
  std::vector<double> sums(width);
  for (uint64_t first = 0; first < rows.size(); first += width) {
    const double* row = rows.data() + first;
    for (uint64_t i = 0; i < width; ++i) {
      const double distance = row[i] == row[i] ? row[i] - block.means_[i] : 0.0;
      block.squares_[i] += distance * distance;
      sums[i] += distance;
    }
  }
  // What is left of the distances is what rounding took from the mean.
  for (uint64_t i = 0; i < width; ++i) {
    const double left = sums[i] / static_cast<double>(std::max<uint64_t>(1, block.counts_[i]));
    block.means_[i] += left;
    const double squares = block.squares_[i] - left * sums[i];
    block.squares_[i] = squares < 0 ? 0 : squares;
  }
  merge(block);
}

void Moments::merge(const Moments& other) noexcept {
  for (uint64_t i = 0; i < width(); ++i) {
    if (other.counts_[i] == 0) {
      continue;
    }
    const auto mine = static_cast<double>(counts_[i]);
    const auto theirs = static_cast<double>(other.counts_[i]);
    const double share = theirs / (mine + theirs);
    const double distance = other.means_[i] - means_[i];
    means_[i] = counts_[i] == 0 ? other.means_[i] : means_[i] + distance * share;
    squares_[i] += other.squares_[i] + (counts_[i] == 0 ? 0.0 : distance * distance * mine * share);
    counts_[i] += other.counts_[i];
    lows_[i] = std::min(lows_[i], other.lows_[i]);
    highs_[i] = std::max(highs_[i], other.highs_[i]);
  }
}

}  // namespace headrace
