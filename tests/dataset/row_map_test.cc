#include "dataset/row_map.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "testing/datasets.h"

namespace headrace {
namespace {

using Rows = std::vector<uint64_t>;

Rows mapped(const RowMap& map, Rows rows) {
  apply_map(map, rows);
  return rows;
}

TEST(StepMap, StartsAndSteps) {
  EXPECT_EQ(mapped(StepMap{10, 3}, {0, 1, 2, 7}), (Rows{10, 13, 16, 31}));
  EXPECT_EQ(mapped(StepMap{10, -3}, {0, 1, 3}), (Rows{10, 7, 1}));
  EXPECT_EQ(mapped(StepMap{4, 1}, {}), Rows{});
}

TEST(StepMap, IsExactForLargeRows) {
  const uint64_t large = uint64_t{1} << 62;
  EXPECT_EQ(mapped(StepMap{large, -1}, {large, large - 1}), (Rows{0, 1}));
}

TEST(IndexMap, LooksRowsUp) {
  EXPECT_EQ(mapped(IndexMap{index_buffer({5, 0, 7, 7})}, {3, 0, 1, 1}), (Rows{7, 5, 0, 0}));
}

TEST(IndexMap, NeedsNoAlignment) {
  const Buffer aligned = index_buffer({1, 2, 3});
  std::vector<std::byte> bytes(1 + aligned.size());
  std::copy_n(aligned.data(), aligned.size(), bytes.begin() + 1);
  const Buffer odd(nullptr, bytes.data() + 1, aligned.size());
  EXPECT_EQ(mapped(IndexMap{odd}, {2, 0}), (Rows{3, 1}));
}

TEST(PartMap, PartsAreInOrderAndTogetherHaveEachRowOnce) {
  const Partition partition(100, 30, 5);
  const Rows first = mapped(PartMap{partition, true}, range(0, 30));
  const Rows second = mapped(PartMap{partition, false}, range(0, 70));
  EXPECT_TRUE(std::is_sorted(first.begin(), first.end()));
  EXPECT_TRUE(std::is_sorted(second.begin(), second.end()));
  Rows all = first;
  all.insert(all.end(), second.begin(), second.end());
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, range(0, 100));
}

TEST(SeriesMap, StepsThroughEachSeriesFromItsOwnStart) {
  const SeriesMap map{RowIndex({2, 1, 3}), {5, 20, 31}, 4};
  EXPECT_EQ(mapped(map, {0, 1, 2, 3, 4, 5}), (Rows{5, 9, 20, 31, 35, 39}));
  EXPECT_EQ(mapped(map, {5, 0, 5}), (Rows{39, 5, 39}));
}

TEST(KeepsNeighbours, IsTrueWhereTheyStayNear) {
  EXPECT_TRUE(keeps_neighbours(StepMap{5, -1}));
  EXPECT_FALSE(keeps_neighbours(StepMap{0, 100}));
  EXPECT_TRUE(keeps_neighbours(PartMap{Partition(100, 90, 3), true}));
  EXPECT_FALSE(keeps_neighbours(IndexMap{Buffer()}));
  EXPECT_TRUE(keeps_neighbours(IndexMap{Buffer(), true}));
}

}  // namespace
}  // namespace headrace
