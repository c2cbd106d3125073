#include "order/unit_uses.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "testing/unit_tables.h"

namespace headrace {
namespace {

std::vector<UnitUse> uses_of(const WindowShuffle& shuffle, uint64_t first, uint64_t stride) {
  std::vector<UnitUse> uses;
  UnitUses walk(shuffle, first, stride);
  for (; walk.peek() != nullptr; walk.next()) {
    uses.push_back(*walk.peek());
  }
  return uses;
}

bool holds(const UnitLine::Unit& unit, uint64_t row) {
  return row >= unit.first_row && row - unit.first_row < unit.rows;
}

// Every row that the positions have lies in a use that says so, and every use is of some position
// near its ends.
void expect_uses(const WindowShuffle& shuffle, uint64_t first, uint64_t stride) {
  const std::vector<UnitUse> uses = uses_of(shuffle, first, stride);
  EXPECT_TRUE(std::is_sorted(uses.begin(), uses.end(),
                             [](const UnitUse& a, const UnitUse& b) { return a.begin < b.begin; }));
  std::vector<uint64_t> rows((shuffle.rows() - first - 1) / stride + 1);
  WindowShuffle::Workspace space;
  shuffle.take(first, stride, rows, space);
  for (uint64_t i = 0; i < rows.size(); ++i) {
    const uint64_t position = first + i * stride;
    ASSERT_TRUE(std::any_of(uses.begin(), uses.end(),
                            [&](const UnitUse& use) {
                              return holds(use.unit, rows[i]) && use.begin <= position &&
                                     position < use.end;
                            }))
        << "row " << rows[i] << " at position " << position;
  }
}

TEST(UnitUses, HoldEveryRowWhereItComes) {
  std::mt19937_64 random(6);
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const uint64_t lanes = 1 + random() % 6;
    const auto units = table_of(random_unit_rows(random, 30));
    const WindowShuffle shuffle(units, 1 + random() % 6, lanes, OrderKey{seed, 0});
    const uint64_t stride = 1 + random() % 6;
    expect_uses(shuffle, random() % shuffle.rows(), stride);
    expect_uses(shuffle, 0, 1);
  }
  expect_uses(WindowShuffle(103, 10, 4, OrderKey{1, 0}), 17, 3);
}

TEST(UnitUses, NameEachUnitOnceInOneLane) {
  const std::vector<uint64_t> unit_rows = {5, 0, 9, 4, 4, 0, 7, 1, 30};
  const WindowShuffle shuffle(table_of(unit_rows), 3, 1, OrderKey{1, 2});
  std::set<uint64_t> seen;
  for (const UnitUse& use : uses_of(shuffle, 0, 1)) {
    EXPECT_GT(use.unit.rows, 0U);
    EXPECT_TRUE(seen.insert(use.unit.number).second);
  }
  EXPECT_EQ(seen, (std::set<uint64_t>{0, 2, 3, 4, 6, 7, 8}));
}

// The most units that are open at one of the positions.
uint64_t most_open(const WindowShuffle& shuffle, uint64_t first, uint64_t stride) {
  const std::vector<UnitUse> uses = uses_of(shuffle, first, stride);
  uint64_t most = 0;
  for (uint64_t position = first; position < shuffle.rows(); position += stride) {
    const auto open = std::count_if(uses.begin(), uses.end(), [&](const UnitUse& use) {
      return use.begin <= position && position < use.end;
    });
    most = std::max(most, static_cast<uint64_t>(open));
  }
  return most;
}

TEST(UnitUses, AreOpenAtMostAWindowPerLaneAtATime) {
  const WindowShuffle even(table_of(std::vector<uint64_t>(40, 25)), 4, 2, OrderKey{2, 2});
  EXPECT_EQ(open_units(even, 0, 1), 8U);
  EXPECT_EQ(most_open(even, 0, 1), 8U);
  EXPECT_EQ(open_units(even, 1, 2), 4U);
  EXPECT_EQ(most_open(even, 1, 2), 4U);
  std::mt19937_64 random(9);
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const WindowShuffle shuffle(table_of(random_unit_rows(random, 30)), 1 + random() % 6,
                                1 + random() % 6, OrderKey{seed, 0});
    const uint64_t stride = 1 + random() % 6;
    const uint64_t first = random() % shuffle.rows();
    ASSERT_LE(most_open(shuffle, first, stride), open_units(shuffle, first, stride));
    ASSERT_LE(open_units(shuffle, first, stride), shuffle.open_units());
  }
}

TEST(UnitUses, OfARankAreThoseOfItsLanes) {
  const WindowShuffle shuffle(table_of(std::vector<uint64_t>(40, 25)), 4, 4, OrderKey{2, 2});
  std::set<uint64_t> together;
  uint64_t count = 0;
  for (uint64_t rank = 0; rank < 2; ++rank) {
    for (const UnitUse& use : uses_of(shuffle, rank, 2)) {
      together.insert(use.unit.number);
      ++count;
    }
  }
  EXPECT_EQ(together.size(), 40U);
  EXPECT_EQ(count, 40U);                          // the lanes are cut between units here
  EXPECT_EQ(uses_of(shuffle, 0, 3).size(), 40U);  // 3 ranks of 4 lanes each read all
}

TEST(UnitUses, BeginWithTheUnitsThatAreOpenAtTheStart) {
  const WindowShuffle shuffle(table_of(std::vector<uint64_t>(40, 25)), 4, 1, OrderKey{2, 2});
  const std::vector<UnitUse> all = uses_of(shuffle, 0, 1);
  const std::vector<UnitUse> rest = uses_of(shuffle, 500, 1);
  ASSERT_LT(rest.size(), all.size());
  EXPECT_LE(rest.front().begin, 500U);
  EXPECT_GT(rest.front().end, 500U);
  const UnitUse& before = all[all.size() - rest.size() - 1];
  EXPECT_LE(before.end, 500U);
}

}  // namespace
}  // namespace headrace
