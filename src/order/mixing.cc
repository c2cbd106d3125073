#include "order/mixing.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "base/checked.h"
#include "base/error.h"

namespace headrace {
namespace {

// How many batches are looked at: as many as keep the work within this number of slices.
constexpr uint64_t kSlices = uint64_t{1} << 20;
constexpr uint64_t kMinSampled = 64;
constexpr uint64_t kMaxSampled = 4096;

uint64_t full_batches(uint64_t rows, uint64_t batch_rows) {
  if (batch_rows == 0 || batch_rows > rows) {
    throw Error(ErrorCode::kInvalid, "batch_rows must be between 1 and the " +
                                         std::to_string(rows) + " rows; found " +
                                         std::to_string(batch_rows));
  }
  return rows / batch_rows;
}

// -p log2(p) for p = count / total.
double surprise(uint64_t count, uint64_t total) {
  if (count == 0) {
    return 0;
  }
  const double p = static_cast<double>(count) / static_cast<double>(total);
  return -p * std::log2(p);
}

double log_choose(uint64_t n, uint64_t k) {
  const auto gamma = [](uint64_t x) { return std::lgamma(static_cast<double>(x) + 1); };
  return gamma(n) - gamma(k) - gamma(n - k);
}

// The distribution of a count: probability[i] is that of first + i.
struct Distribution {
  uint64_t first = 0;
  std::vector<double> probability;
};

// How many of `draws` rows out of `total` fall among `marked`. Kept to eight standard deviations
// about the mean: what is beyond has less weight than rounding.
Distribution hypergeometric(uint64_t total, uint64_t marked, uint64_t draws) {
  const double share = static_cast<double>(marked) / static_cast<double>(total);
  const double mean = static_cast<double>(draws) * share;
  const double reach = 8 * std::sqrt(mean * (1 - share)) + 8;
  const uint64_t least = draws + marked > total ? draws + marked - total : 0;
  const uint64_t low = std::max(least, static_cast<uint64_t>(std::max(0.0, mean - reach)));
  const uint64_t high = std::min({marked, draws, static_cast<uint64_t>(mean + reach) + 1});
  const double all = log_choose(total, draws);
  Distribution result{low, {}};
  for (uint64_t i = low; i <= high; ++i) {
    result.probability.push_back(
        std::exp(log_choose(marked, i) + log_choose(total - marked, draws - i) - all));
  }
  return result;
}

// The distribution of a sum of two independent counts.
Distribution convolve(const Distribution& a, const Distribution& b) {
  Distribution sum{a.first + b.first,
                   std::vector<double>(a.probability.size() + b.probability.size() - 1, 0)};
  for (size_t i = 0; i < a.probability.size(); ++i) {
    for (size_t j = 0; j < b.probability.size(); ++j) {
      sum.probability[i + j] += a.probability[i] * b.probability[j];
    }
  }
  return sum;
}

using UnitCounts = std::map<uint64_t, Distribution>;  // of the rows of each unit, by its number

// Adds what `rows` positions first, first + step, ... of a lane draw of each unit.
void add_draws(const Staircase& lane, uint64_t first, uint64_t step, uint64_t rows,
               UnitCounts& counts) {
  std::vector<Staircase::Part> parts;
  uint64_t stage = lane.stage_of(first);
  uint64_t begin = lane.stage_begin(stage);
  for (uint64_t position = first; rows > 0; ++stage) {
    const uint64_t end = lane.stage_begin(stage + 1);
    if (position < end) {
      const uint64_t draws = std::min(rows, (end - position - 1) / step + 1);
      lane.stage_parts(stage, parts);
      for (const Staircase::Part& part : parts) {
        const auto drawn = hypergeometric(end - begin, part.rows, draws);
        const uint64_t unit = lane.slot(part.place).unit.number;
        const auto [at, fresh] = counts.try_emplace(unit, drawn);
        if (!fresh) {
          at->second = convolve(at->second, drawn);
        }
      }
      position += draws * step;
      rows -= draws;
    }
    begin = end;
  }
}

// The entropy of `rows` positions first, first + stride, ...
double entropy_of_batch(const WindowShuffle& shuffle, uint64_t first, uint64_t stride,
                        uint64_t rows) {
  UnitCounts counts;
  const WindowShuffle::Turns turn = shuffle.turns(stride);
  for (uint64_t k = 0; k < std::min(turn.period, rows); ++k) {
    const uint64_t position = first + k * stride;
    add_draws(shuffle.lane(position % shuffle.lanes()), position / shuffle.lanes(), turn.step,
              (rows - k - 1) / turn.period + 1, counts);
  }
  double bits = 0;
  for (const auto& [unit, distribution] : counts) {
    for (size_t i = 0; i < distribution.probability.size(); ++i) {
      bits += distribution.probability[i] * surprise(distribution.first + i, rows);
    }
  }
  return bits;
}

}  // namespace

double measured_label_entropy(const Order& order, std::span<const uint32_t> labels,
                              uint32_t classes, uint64_t batch_rows) {
  if (labels.size() != order.rows()) {
    throw Error(ErrorCode::kInvalid, "labels must have one element per row; found " +
                                         std::to_string(labels.size()) + " labels for " +
                                         std::to_string(order.rows()) + " rows");
  }
  const uint64_t batches = full_batches(order.rows(), batch_rows);
  std::vector<uint64_t> rows(batch_rows);
  std::vector<uint64_t> counts(classes);
  Order::Workspace space;
  double bits = 0;
  for (uint64_t batch = 0; batch < batches; ++batch) {
    order.take(batch * batch_rows, 1, rows, space);
    std::fill(counts.begin(), counts.end(), 0);
    for (const uint64_t row : rows) {
      if (labels[row] >= classes) {
        throw Error(ErrorCode::kInvalid, "label " + std::to_string(labels[row]) + " of row " +
                                             std::to_string(row) + " is not below " +
                                             std::to_string(classes));
      }
      ++counts[labels[row]];
    }
    for (const uint64_t count : counts) {
      bits += surprise(count, batch_rows);
    }
  }
  return bits / static_cast<double>(batches);
}

double expected_unit_entropy(const WindowShuffle& shuffle, uint64_t batch_rows,
                             uint64_t world_size) {
  const uint64_t round = checked_mul(batch_rows, world_size, "rows of a batch on all ranks");
  const uint64_t batches = full_batches(shuffle.rows(), round);
  const uint64_t samples = std::clamp(kSlices / shuffle.open_units(), kMinSampled, kMaxSampled);
  const uint64_t step = std::max<uint64_t>(1, batches / samples);
  double bits = 0;
  uint64_t sampled = 0;
  for (uint64_t batch = 0; batch < batches; batch += step, ++sampled) {
    const uint64_t rank = sampled % world_size;  // lanes differ little
    bits += entropy_of_batch(shuffle, batch * round + rank, world_size, batch_rows);
  }
  return bits / static_cast<double>(sampled);
}

}  // namespace headrace
