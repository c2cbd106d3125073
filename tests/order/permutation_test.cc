#include "order/permutation.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "order/key.h"
#include "testing/statistics.h"

namespace headrace {
namespace {

std::vector<uint64_t> all_values(const Permutation& permutation) {
  std::vector<uint64_t> values(permutation.size());
  std::iota(values.begin(), values.end(), 0);
  permutation.map(values);
  return values;
}

bool is_bijection(const std::vector<uint64_t>& values) {
  std::vector<bool> seen(values.size(), false);
  for (const uint64_t value : values) {
    if (value >= values.size() || seen[value]) {
      return false;
    }
    seen[value] = true;
  }
  return true;
}

TEST(Permutation, IsABijectionForEverySizeUpTo4096) {
  for (uint64_t size = 1; size <= 4096; ++size) {
    ASSERT_TRUE(is_bijection(all_values(Permutation(size, size * 77)))) << "size " << size;
  }
}

TEST(Permutation, IsABijectionAroundPowersOfTwo) {
  for (int bits = 13; bits <= 20; ++bits) {
    for (const int64_t offset : {-1, 0, 1}) {
      const uint64_t size = (uint64_t{1} << bits) + static_cast<uint64_t>(offset);
      ASSERT_TRUE(is_bijection(all_values(Permutation(size, 5)))) << "size " << size;
    }
  }
}

TEST(Permutation, HasAnInverseAtSampledIndicesOfLargeSizes) {
  for (int bits = 2; bits <= 63; ++bits) {
    for (const int64_t offset : {-1, 0, 1}) {
      const uint64_t size = (uint64_t{1} << bits) + static_cast<uint64_t>(offset);
      const Permutation permutation(size, 9);
      for (uint64_t i = 0; i < 2000; ++i) {
        const uint64_t index = i < 4 ? (i * (size - 1)) / 3 : hash_words({i, size}) % size;
        const uint64_t value = permutation(index);
        ASSERT_LT(value, size);
        ASSERT_EQ(permutation.inverse(value), index) << "size " << size;
      }
    }
  }
}

TEST(Permutation, MapsBatchesAsItMapsSingleIndices) {
  for (const uint64_t size : {1U, 2U, 3U, 5U, 513U, 1000U, 1025U, 70000U}) {
    const Permutation permutation(size, 3);
    const std::vector<uint64_t> values = all_values(permutation);
    for (uint64_t i = 0; i < size; ++i) {
      ASSERT_EQ(values[i], permutation(i));
    }
  }
}

TEST(Permutation, ReachesEveryArrangementOfFourRows) {
  std::vector<uint64_t> counts(256, 0);
  for (uint64_t key = 0; key < 24000; ++key) {
    const std::vector<uint64_t> values = all_values(Permutation(4, hash_words({key})));
    ++counts[values[0] * 64 + values[1] * 16 + values[2] * 4 + values[3]];
  }
  std::erase(counts, 0);
  EXPECT_EQ(counts.size(), 24U);
  EXPECT_LT(chi_square_sigmas(counts), 3);
}

// The places of a fixed row over many epochs are uniform, also for sizes far from a power of two.
TEST(Permutation, SpreadsEachRowOverAllPlaces) {
  for (const uint64_t size : {10U, 33U, 100U, 257U}) {
    for (const uint64_t index : {uint64_t{0}, size / 2, size - 1}) {
      std::vector<uint64_t> counts(size, 0);
      for (uint64_t epoch = 0; epoch < 200 * size; ++epoch) {
        ++counts[Permutation(size, OrderKey{1, epoch}.derive(Purpose::kRows))(index)];
      }
      EXPECT_LT(chi_square_sigmas(counts), 3) << "size " << size << ", index " << index;
    }
  }
}

// Differences of neighbours, cut into 64 bins: uniform modulo the size in a uniform order.
TEST(Permutation, HasUniformDifferencesOfNeighbours) {
  for (const uint64_t size : {65537U, 100000U, 262145U, 1048577U, 1000003U}) {
    for (uint64_t epoch = 0; epoch < 3; ++epoch) {
      const auto values = all_values(Permutation(size, OrderKey{7, epoch}.derive(Purpose::kRows)));
      std::vector<uint64_t> counts(64, 0);
      double step = 0;
      for (size_t i = 1; i < values.size(); ++i) {
        const uint64_t difference = (values[i] + size - values[i - 1]) % size;
        ++counts[difference * 64 / size];
        step += std::abs(static_cast<double>(values[i]) - static_cast<double>(values[i - 1]));
      }
      EXPECT_LT(chi_square_sigmas(counts), 3) << "size " << size << ", epoch " << epoch;
      // The mean step of a uniform order is (size + 1) / 3; its standard error is about 0.236 size
      // / sqrt(size).
      const double mean = step / static_cast<double>(size - 1);
      const double expected = static_cast<double>(size + 1) / 3;
      EXPECT_NEAR(mean, expected, 3 * 0.25 * std::sqrt(static_cast<double>(size)));
    }
  }
}

TEST(Permutation, IsNotCorrelatedBetweenEpochsOrSeeds) {
  const uint64_t size = 100003;
  const auto order = [&](uint64_t seed, uint64_t epoch) {
    return all_values(Permutation(size, OrderKey{seed, epoch}.derive(Purpose::kRows)));
  };
  const std::vector<uint64_t> first = order(0, 0);
  const double three_sigma = 3 / std::sqrt(static_cast<double>(size));
  for (const auto& [seed, epoch] : {std::pair{0, 1}, {0, 2}, {1, 0}, {1, 1}, {2, 0}}) {
    const auto other = order(static_cast<uint64_t>(seed), static_cast<uint64_t>(epoch));
    EXPECT_LT(std::abs(correlation(first, other)), three_sigma) << seed << " " << epoch;
    EXPECT_LE(fixed_points(first, other),
              7U);  // Poisson with mean 1: more than 7 has p = 1e-6 each
  }
}

// Rows sorted by class: the counts of each class in the batches are hypergeometric in a uniform
// order.
TEST(Permutation, MixesSortedClassesIntoEveryBatch) {
  const uint64_t classes = 10;
  const uint64_t per_class = 10240;
  const uint64_t batch = 256;
  const uint64_t size = classes * per_class;
  for (uint64_t epoch = 0; epoch < 4; ++epoch) {
    const auto values = all_values(Permutation(size, OrderKey{3, epoch}.derive(Purpose::kRows)));
    double statistic = 0;
    for (uint64_t start = 0; start < size; start += batch) {
      std::vector<uint64_t> counts(classes, 0);
      for (uint64_t i = start; i < start + batch; ++i) {
        ++counts[values[i] / per_class];
      }
      statistic += chi_square(counts);
    }
    // Sampling without replacement shrinks each statistic by (1 - batch / size), and one batch is
    // bound by the others.
    const double freedom = static_cast<double>((size / batch - 1) * (classes - 1));
    EXPECT_LT(std::abs(statistic - freedom) / std::sqrt(2 * freedom), 3) << "epoch " << epoch;
  }
}

// Pairs (value of i, value of i + 1) on a coarse grid: catches correlations that single values
// hide.
TEST(Permutation, HasIndependentNeighbours) {
  const uint64_t size = 1000000;
  for (uint64_t epoch = 0; epoch < 3; ++epoch) {
    const auto values = all_values(Permutation(size, OrderKey{11, epoch}.derive(Purpose::kRows)));
    for (const uint64_t lag : {1U, 2U, 3U, 1024U, 65536U}) {
      std::vector<uint64_t> counts(256, 0);
      for (uint64_t i = 0; i + lag < size; ++i) {
        ++counts[values[i] * 16 / size * 16 + values[i + lag] * 16 / size];
      }
      // Every value comes once, so the sums of rows and columns are fixed: 15 x 15 are free.
      const double sigmas = (chi_square(counts) - 225) / std::sqrt(2 * 225.0);
      EXPECT_LT(std::abs(sigmas), 3) << "lag " << lag << ", epoch " << epoch;
    }
  }
}

// The definition in docs/order.md, worked out there for this one case.
TEST(Permutation, KeepsItsDefinition) {
  const Permutation permutation(10, OrderKey{0, 0}.derive(Purpose::kRows));
  EXPECT_EQ(all_values(permutation), (std::vector<uint64_t>{7, 0, 5, 8, 4, 3, 2, 6, 1, 9}));
}

}  // namespace
}  // namespace headrace
