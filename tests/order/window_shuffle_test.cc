#include "order/window_shuffle.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "testing/unit_tables.h"

namespace headrace {
namespace {

std::vector<uint64_t> take_all(const WindowShuffle& shuffle, uint64_t stride = 1,
                               uint64_t first = 0) {
  std::vector<uint64_t> rows((shuffle.rows() - first - 1) / stride + 1);
  WindowShuffle::Workspace space;
  shuffle.take(first, stride, rows, space);
  return rows;
}

void expect_bijection(const WindowShuffle& shuffle) {
  std::vector<uint64_t> rows = take_all(shuffle);
  std::sort(rows.begin(), rows.end());
  for (uint64_t i = 0; i < rows.size(); ++i) {
    ASSERT_EQ(rows[i], i) << shuffle.rows() << " rows in " << shuffle.units() << " units, "
                          << shuffle.lanes() << " lanes, window " << shuffle.lane(0).window();
  }
}

TEST(WindowShuffle, IsABijectionForUnevenTails) {
  for (uint64_t rows = 1; rows <= 70; ++rows) {
    for (uint64_t block = 1; block <= rows + 1; ++block) {
      for (const uint64_t window : {1U, 2U, 3U, 5U, 8U, 100U}) {
        expect_bijection(WindowShuffle(rows, block, window, OrderKey{rows, block}));
      }
    }
  }
}

TEST(WindowShuffle, IsABijectionForManyBlocks) {
  for (const uint64_t rows : {100000U, 99999U, 65537U}) {
    for (const uint64_t block : {1U, 7U, 100U, 4096U}) {
      expect_bijection(WindowShuffle(rows, block, 16, OrderKey{1, 2}));
    }
  }
}

TEST(WindowShuffle, IsABijectionForUnevenAndEmptyUnits) {
  std::mt19937_64 random(1);
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    const std::vector<uint64_t> unit_rows = random_unit_rows(random, seed % 50);
    const uint64_t window = 1 + random() % (unit_rows.size() + 2);
    const uint64_t lanes = 1 + random() % 8;
    expect_bijection(WindowShuffle(table_of(unit_rows), window, lanes, OrderKey{seed, 1}));
  }
}

TEST(WindowShuffle, IsABijectionForMoreLanesThanRows) {
  expect_bijection(WindowShuffle(table_of({2, 0, 1}), 3, 8, OrderKey{1, 1}));
}

TEST(WindowShuffle, OfEqualUnitsInOneLaneIsThatOfBlocks) {
  for (const uint64_t rows : {1000U, 1003U}) {
    std::vector<uint64_t> unit_rows(rows / 10, 10);
    if (rows % 10 != 0) {
      unit_rows.push_back(rows % 10);
    }
    const OrderKey key{rows, 2};
    EXPECT_EQ(take_all(WindowShuffle(table_of(unit_rows), 7, 1, key)),
              take_all(WindowShuffle(rows, 10, 7, key)));
  }
}

// A rank of W has the rows of W's share of lanes and no others, if W divides their number.
TEST(WindowShuffle, GivesEachRankItsOwnLanes) {
  const std::vector<uint64_t> unit_rows = {30, 41, 7, 0, 55, 12, 90, 33};
  for (const auto& [lanes, world] : {std::pair<uint64_t, uint64_t>{4, 4}, {4, 2}, {6, 3}, {3, 1}}) {
    const WindowShuffle shuffle(table_of(unit_rows), 2, lanes, OrderKey{3, 4});
    for (uint64_t rank = 0; rank < world; ++rank) {
      std::set<uint64_t> units;
      for (uint64_t lane = rank; lane < lanes; lane += world) {
        for (uint64_t place = 0; place < shuffle.lane(lane).places(); ++place) {
          units.insert(shuffle.lane(lane).slot(place).unit.number);
        }
      }
      for (const uint64_t row : take_all(shuffle, world, rank)) {
        uint64_t unit = 0;
        uint64_t end = unit_rows[0];
        while (row >= end) {
          end += unit_rows[++unit];
        }
        ASSERT_TRUE(units.contains(unit)) << "row " << row << " of rank " << rank;
      }
    }
  }
}

TEST(WindowShuffle, CutsAtMostOneUnitLessThanLanes) {
  std::mt19937_64 random(4);
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const auto table = table_of(random_unit_rows(random, 40));
    const uint64_t lanes = 1 + random() % 8;
    const WindowShuffle shuffle(table, 3, lanes, OrderKey{seed, 4});
    uint64_t parts = 0;
    uint64_t least = UINT64_MAX;
    uint64_t most = 0;
    for (uint64_t lane = 0; lane < lanes; ++lane) {
      parts += shuffle.lane(lane).places();
      least = std::min(least, shuffle.lane(lane).rows());
      most = std::max(most, shuffle.lane(lane).rows());
    }
    ASSERT_LE(parts, table->units() + lanes - 1);
    ASSERT_LE(most - least, 1U);
  }
}

TEST(WindowShuffle, GivesTheFirstRowsFromOneBlock) {
  const WindowShuffle shuffle(10000, 100, 10, OrderKey{2, 0});
  const std::vector<uint64_t> rows = take_all(shuffle);
  for (uint64_t i = 0; i < 10; ++i) {
    EXPECT_EQ(rows[i] / 100, rows[0] / 100);
  }
}

void expect_equal_by_any_stride(const WindowShuffle& shuffle) {
  const std::vector<uint64_t> all = take_all(shuffle);
  WindowShuffle::Workspace shared;  // as it was left by other positions
  for (const uint64_t stride : {1U, 2U, 3U, 4U, 6U, 7U, 100U}) {
    for (const uint64_t first : {uint64_t{0}, uint64_t{1}, all.size() / 2, all.size() - 1}) {
      const std::vector<uint64_t> some = take_all(shuffle, stride, first);
      for (uint64_t i = 0; i < some.size(); ++i) {
        ASSERT_EQ(some[i], all[first + i * stride]);
      }
      std::vector<uint64_t> few(std::min<uint64_t>(5, some.size()));
      shuffle.take(first, stride, few, shared);
      ASSERT_TRUE(std::equal(few.begin(), few.end(), some.begin()));
    }
  }
}

TEST(WindowShuffle, TakesTheSameRowsByAnyStrideAndStart) {
  expect_equal_by_any_stride(WindowShuffle(1003, 17, 5, OrderKey{3, 4}));
  std::mt19937_64 random(3);
  for (uint64_t lanes = 1; lanes <= 8; ++lanes) {
    const auto units = table_of(random_unit_rows(random, 60));
    expect_equal_by_any_stride(WindowShuffle(units, 4, lanes, OrderKey{lanes, 4}));
  }
}

TEST(WindowShuffle, WorksAtSizesNoTableCouldHold) {
  const uint64_t rows = uint64_t{1} << 50;
  const WindowShuffle shuffle(rows, 4096, 64, OrderKey{8, 0});
  WindowShuffle::Workspace space;
  std::vector<uint64_t> taken(1024);
  std::set<uint64_t> seen;
  for (const uint64_t first : {uint64_t{0}, rows / 3, rows - 1024}) {
    shuffle.take(first, 1, taken, space);
    for (const uint64_t row : taken) {
      ASSERT_LT(row, rows);
      ASSERT_TRUE(seen.insert(row).second);
    }
  }
}

TEST(WindowShuffle, ChangesWithSeedEpochAndLanes) {
  const auto order = [](OrderKey key) { return take_all(WindowShuffle(1000, 10, 4, key)); };
  EXPECT_NE(order({0, 0}), order({0, 1}));
  EXPECT_NE(order({0, 1}), order({1, 0}));
  EXPECT_EQ(order({5, 7}), order({5, 7}));
  const auto units = table_of(std::vector<uint64_t>(100, 10));
  const auto in_lanes = [&](uint64_t lanes) {
    return take_all(WindowShuffle(units, 4, lanes, {5, 7}));
  };
  EXPECT_EQ(in_lanes(1), order({5, 7}));
  EXPECT_NE(in_lanes(1), in_lanes(2));
}

// Lanes of one length and number of units must not be permuted alike.
TEST(WindowShuffle, PermutesTheStagesOfEachLaneInTheirOwnWay) {
  const uint64_t units = 32;
  const uint64_t rows = 64;  // of each
  const uint64_t window = 4;
  const WindowShuffle shuffle(table_of(std::vector<uint64_t>(units, rows)), window, 2, {1, 0});
  const auto slices = [&](uint64_t lane) {
    std::vector<uint64_t> places;  // of the units of consecutive rows, as seen from the stage
    WindowShuffle::Workspace space;
    std::vector<uint64_t> taken(shuffle.lane(lane).rows());
    shuffle.take(lane, 2, taken, space);
    for (uint64_t i = 0; i < taken.size(); ++i) {
      const auto [first, end] = shuffle.lane(lane).open_places(shuffle.lane(lane).stage_of(i));
      for (uint64_t place = first; place < end; ++place) {
        if (shuffle.lane(lane).slot(place).unit.number == taken[i] / rows) {
          places.push_back(end - place);
        }
      }
    }
    return places;
  };
  EXPECT_EQ(slices(0).size(), units * rows / 2);
  EXPECT_NE(slices(0), slices(1));
}

}  // namespace
}  // namespace headrace
