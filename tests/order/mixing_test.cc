#include "order/mixing.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"

namespace headrace {
namespace {

constexpr Shuffle kExact{.kind = Shuffle::Kind::kExact};

std::vector<uint32_t> block_labels(uint64_t rows, uint64_t block_rows) {
  std::vector<uint32_t> labels(rows);
  for (uint64_t row = 0; row < rows; ++row) {
    labels[row] = static_cast<uint32_t>(row / block_rows);
  }
  return labels;
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
      const Order order(c.rows, {Shuffle::Kind::kBlocks, c.block_rows, c.window}, {1, epoch});
      measured.push_back(measured_label_entropy(order, labels, classes, c.batch));
      mean += measured.back() / 16;
      // Where an uneven block stands in the line, and so the report, differs between epochs.
      const WindowShuffle shuffle(c.rows, c.block_rows, c.window, {1, epoch});
      reported += expected_block_entropy(shuffle, c.batch) / 16;
    }
    double variance = 0;
    for (const double bits : measured) {
      variance += (bits - mean) * (bits - mean) / 15;
    }
    EXPECT_NEAR(reported, mean, 3 * std::sqrt(variance / 16))
        << c.rows << " rows, blocks of " << c.block_rows << ", window " << c.window;
  }
}

TEST(Mixing, FindsOneBlockPerBatchInAWindowOfOne) {
  EXPECT_NEAR(expected_block_entropy(WindowShuffle(1000, 100, 1, {0, 0}), 100), 0, 1e-9);
}

TEST(Mixing, GrowsWithTheWindowTowardsTheExactShuffle) {
  const auto labels = block_labels(50000, 500);
  const double exact = measured_label_entropy(Order(50000, kExact, {1, 0}), labels, 100, 128);
  double before = -1;
  for (const uint64_t window : {1U, 4U, 16U, 64U}) {
    const Order order(50000, {Shuffle::Kind::kBlocks, 500, window}, {1, 0});
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
  EXPECT_THROW(expected_block_entropy(WindowShuffle(10, 2, 2, {}), 11), Error);
}

}  // namespace
}  // namespace headrace
