#include "order/mixing.h"

#include <cmath>
#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "testing/unit_tables.h"

namespace headrace {
namespace {

const Shuffle kExact{.kind = Shuffle::Kind::kExact};

Shuffle blocks(uint64_t block_rows, uint64_t window) {
  return {.kind = Shuffle::Kind::kBlocks, .block_rows = block_rows, .window = window};
}

std::vector<uint32_t> block_labels(uint64_t rows, uint64_t block_rows) {
  std::vector<uint32_t> labels(rows);
  for (uint64_t row = 0; row < rows; ++row) {
    labels[row] = static_cast<uint32_t>(row / block_rows);
  }
  return labels;
}

// The entropy of labels in a batch of a rank, the mean over all batches of all ranks.
double measured_rank_entropy(const WindowShuffle& shuffle, const std::vector<uint32_t>& labels,
                             uint64_t batch, uint64_t world) {
  WindowShuffle::Workspace space;
  std::vector<uint64_t> rows(batch);
  double bits = 0;
  uint64_t batches = 0;
  for (uint64_t first = 0; first + batch * world <= shuffle.rows(); first += batch * world) {
    for (uint64_t rank = 0; rank < world; ++rank, ++batches) {
      shuffle.take(first + rank, world, rows, space);
      std::map<uint32_t, double> counts;
      for (const uint64_t row : rows) {
        counts[labels[row]] += 1.0 / static_cast<double>(batch);
      }
      for (const auto& [label, share] : counts) {
        bits -= share * std::log2(share);
      }
    }
  }
  return bits / static_cast<double>(batches);
}

// What is reported from the sizes alone is what is measured on the order itself.
TEST(Mixing, ReportsTheEntropyThatIsMeasured) {
  struct Case {
    uint64_t rows, block_rows, window, batch;
  };
  for (const Case& c : {Case{20000, 100, 8, 64}, Case{20011, 100, 8, 256}, Case{20000, 37, 20, 128},
                        Case{5000, 500, 4, 32}, Case{20000, 100, 1, 50}, Case{6000, 10, 30, 512}}) {
    double reported = 0;
    const auto labels = block_labels(c.rows, c.block_rows);
    const uint32_t classes = labels.back() + 1;
    std::vector<double> measured;
    double mean = 0;
    for (uint64_t epoch = 0; epoch < 16; ++epoch) {
      const Order order(c.rows, blocks(c.block_rows, c.window), {1, epoch});
      measured.push_back(measured_label_entropy(order, labels, classes, c.batch));
      mean += measured.back() / 16;
      // Where an uneven block stands in the line, and so the report, differs between epochs.
      const WindowShuffle shuffle(c.rows, c.block_rows, c.window, {1, epoch});
      reported += expected_unit_entropy(shuffle, c.batch) / 16;
    }
    double variance = 0;
    for (const double bits : measured) {
      variance += (bits - mean) * (bits - mean) / 15;
    }
    EXPECT_NEAR(reported, mean, 3 * std::sqrt(variance / 16))
        << c.rows << " rows, blocks of " << c.block_rows << ", window " << c.window;
  }
}

// The same for a rank of shards in lanes, whether or not the ranks divide the lanes.
TEST(Mixing, ReportsTheEntropyOfARankThatIsMeasured) {
  std::mt19937_64 random(9);
  std::vector<uint64_t> unit_rows(60);
  std::vector<uint32_t> labels;
  for (uint32_t unit = 0; unit < unit_rows.size(); ++unit) {
    unit_rows[unit] = unit % 7 == 0 ? 0 : 50 + random() % 300;
    labels.insert(labels.end(), unit_rows[unit], unit);
  }
  const uint64_t batch = 40;
  for (const auto& [lanes, world] : {std::pair<uint64_t, uint64_t>{1, 1}, {4, 2}, {4, 4}, {3, 2}}) {
    std::vector<double> measured;
    double mean = 0;
    double reported = 0;
    for (uint64_t epoch = 0; epoch < 16; ++epoch) {
      const WindowShuffle shuffle(table_of(unit_rows), 5, lanes, {1, epoch});
      reported += expected_unit_entropy(shuffle, batch, world) / 16;
      measured.push_back(measured_rank_entropy(shuffle, labels, batch, world));
      mean += measured.back() / 16;
    }
    double variance = 0;
    for (const double bits : measured) {
      variance += (bits - mean) * (bits - mean) / 15;
    }
    EXPECT_NEAR(reported, mean, 3 * std::sqrt(variance / 16)) << lanes << " lanes, " << world;
  }
}

TEST(Mixing, FindsOneBlockPerBatchInAWindowOfOne) {
  EXPECT_NEAR(expected_unit_entropy(WindowShuffle(1000, 100, 1, {0, 0}), 100), 0, 1e-9);
}

TEST(Mixing, GrowsWithTheWindowTowardsTheExactShuffle) {
  const auto labels = block_labels(50000, 500);
  const double exact = measured_label_entropy(Order(50000, kExact, {1, 0}), labels, 100, 128);
  double before = -1;
  for (const uint64_t window : {1U, 4U, 16U, 64U}) {
    const Order order(50000, blocks(500, window), {1, 0});
    const double bits = measured_label_entropy(order, labels, 100, 128);
    EXPECT_GT(bits, before);
    EXPECT_LT(bits, exact + 0.01);
    before = bits;
  }
}

TEST(Mixing, RefusesWhatDoesNotFit) {
  const Order order(10, kExact, {});
  const std::vector<uint32_t> labels(10, 0);
  EXPECT_THROW(measured_label_entropy(order, std::vector<uint32_t>(9, 0), 1, 2), Error);
  EXPECT_THROW(measured_label_entropy(order, std::vector<uint32_t>(10, 3), 3, 2), Error);
  EXPECT_THROW(measured_label_entropy(order, labels, 1, 0), Error);
  EXPECT_THROW(measured_label_entropy(order, labels, 1, 11), Error);
  EXPECT_THROW(expected_unit_entropy(WindowShuffle(10, 2, 2, {}), 11), Error);
}

}  // namespace
}  // namespace headrace
