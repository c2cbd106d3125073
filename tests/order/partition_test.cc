#include "order/partition.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "testing/statistics.h"

namespace headrace {
namespace {

// Both parts together hold every row once, each in ascending order.
void expect_partition(const Partition& partition) {
  std::vector<bool> seen(partition.rows(), false);
  const auto visit = [&](uint64_t rows, auto row_of) {
    for (uint64_t i = 0; i < rows; ++i) {
      const uint64_t row = row_of(i);
      ASSERT_LT(row, partition.rows());
      ASSERT_FALSE(seen[row]) << "row " << row << " of " << partition.rows() << " came twice";
      seen[row] = true;
      if (i > 0) {
        ASSERT_LT(row_of(i - 1), row);
      }
    }
  };
  visit(partition.first_rows(), [&](uint64_t i) { return partition.first(i); });
  visit(partition.rows() - partition.first_rows(), [&](uint64_t i) { return partition.second(i); });
}

TEST(Partition, DividesEverySmallNumberOfRowsInEveryWay) {
  for (uint64_t rows = 1; rows <= 130; ++rows) {
    for (uint64_t first = 0; first <= rows; ++first) {
      expect_partition(Partition(rows, first, rows * 1000 + first));
    }
  }
}

TEST(Partition, DividesLargeNumbersOfRows) {
  for (const uint64_t first : {1U, 2U, 100000U, 333333U, 500000U, 900000U, 999999U}) {
    expect_partition(Partition(1000000, first, 4));
  }
}

TEST(Partition, FindsRowsOfAnyPlaceAtSizesNoTableCouldHold) {
  const uint64_t rows = (uint64_t{1} << 52) + 12345;
  const uint64_t first = rows / 10 * 9;
  const Partition partition(rows, first, 6);
  for (uint64_t i = 0; i < 1000; ++i) {
    const uint64_t at = first / 1000 * i;
    ASSERT_LT(partition.first(at), partition.first(at + 1));
    // Row order is kept: place and row agree within a cell of ten rows.
    ASSERT_NEAR(static_cast<double>(partition.first(at)), static_cast<double>(at) / 0.9, 30);
  }
  ASSERT_LT(partition.first(first - 1), rows);
  ASSERT_LT(partition.second(rows - first - 1), rows);
}

TEST(Partition, PicksEveryPlaceOfACellEquallyOften) {
  std::vector<uint64_t> counts(10, 0);
  const Partition partition(1000000, 100000, 12);
  for (uint64_t i = 0; i < 100000; ++i) {
    ++counts[partition.first(i) % 10];
  }
  EXPECT_LT(chi_square_sigmas(counts), 3);
}

TEST(Partition, ChangesWithItsKey) {
  const Partition one(1000, 100, 1);
  const Partition two(1000, 100, 2);
  uint64_t equal = 0;
  for (uint64_t i = 0; i < 100; ++i) {
    equal += one.first(i) == two.first(i) ? 1 : 0;
  }
  EXPECT_LT(equal, 30U);  // 10 expected
}

}  // namespace
}  // namespace headrace
