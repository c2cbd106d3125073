#include "order/unit_schedule.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "testing/unit_tables.h"

namespace headrace {
namespace {

std::vector<UnitSchedule::Piece> all_due(UnitSchedule& schedule, uint64_t from, uint64_t position) {
  std::vector<UnitSchedule::Piece> pieces;
  while (const auto piece = schedule.next(from, position)) {
    pieces.push_back(*piece);
  }
  return pieces;
}

// Every row that a batch has was given when its batch came, each once in one lane, in pieces that
// are not too large.
TEST(UnitSchedule, GivesEveryRowBeforeItComes) {
  std::mt19937_64 random(7);
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const uint64_t lanes = 1 + random() % 4;
    const WindowShuffle shuffle(table_of(random_unit_rows(random, 50)), 1 + random() % 6, lanes,
                                OrderKey{seed, 0});
    const uint64_t start = random() % shuffle.rows();
    const uint64_t piece_rows = 1 + random() % 30;
    UnitSchedule schedule(shuffle, start, 1, piece_rows);
    std::multiset<uint64_t> given;
    WindowShuffle::Workspace space;
    for (uint64_t position = start; position < shuffle.rows(); ++position) {
      const uint64_t due = schedule.rows_due(position, position);
      const uint64_t before = given.size();
      for (const auto& [first_row, rows] : all_due(schedule, position, position)) {
        ASSERT_LE(rows, piece_rows);
        for (uint64_t row = first_row; row < first_row + rows; ++row) {
          given.insert(row);
        }
      }
      ASSERT_EQ(given.size() - before, due);
      uint64_t row = 0;
      shuffle.take(position, 1, {&row, 1}, space);
      ASSERT_TRUE(given.contains(row)) << "row " << row << " at " << position;
      ASSERT_LE(given.count(row), lanes == 1 ? 1U : lanes);
    }
  }
}

TEST(UnitSchedule, GivesUnitsOfOnePieceWhenTheyEnter) {
  const WindowShuffle shuffle(1000, 50, 4, OrderKey{1, 0});
  UnitSchedule schedule(shuffle, 0, 1, 50);
  uint64_t place = 0;
  for (uint64_t position = 0; position < 1000; ++position) {
    const auto pieces = all_due(schedule, position, position);
    if (place < 20 && position == shuffle.lane(0).first_position(place)) {
      ASSERT_EQ(pieces.size(), 1U);
      EXPECT_EQ(pieces[0].rows, 50U);
      EXPECT_EQ(pieces[0].first_row, shuffle.lane(0).slot(place).unit.first_row);
      ++place;
    } else {
      ASSERT_TRUE(pieces.empty());
    }
  }
  EXPECT_EQ(place, 20U);
}

// In the middle of an epoch there is about a row asked for at each position, not a unit at once.
TEST(UnitSchedule, AsksForLargeUnitsAtAnEvenRate) {
  const uint64_t unit = 1000;
  const WindowShuffle shuffle(table_of(std::vector<uint64_t>(50, unit)), 5, 1, OrderKey{1, 0});
  UnitSchedule schedule(shuffle, 0, 1, 20);
  uint64_t given = 0;
  for (uint64_t position = 0; position < shuffle.rows(); position += 100) {
    uint64_t now = 0;
    for (const auto& piece : all_due(schedule, position, position)) {
      now += piece.rows;
    }
    given += now;
    if (position > 10 * unit && position < 40 * unit) {
      EXPECT_LE(now, 140U);
      EXPECT_GE(now, 60U);
      // All that is open, and the most of one more unit.
      EXPECT_LE(given, position + 6 * unit);
    }
  }
  EXPECT_EQ(given, shuffle.rows());
}

TEST(UnitSchedule, PassesUnitsByThatAreOver) {
  const WindowShuffle shuffle(table_of(std::vector<uint64_t>(50, 100)), 5, 1, OrderKey{1, 0});
  UnitSchedule schedule(shuffle, 0, 1, 10);
  // The first unit, and pieces of the next ones: the first stages are short.
  EXPECT_GE(schedule.rows_due(0, 0), 100U);
  EXPECT_LE(schedule.rows_due(0, 0), 300U);
  uint64_t given = 0;
  for (const auto& piece : all_due(schedule, 3000, 3000)) {
    given += piece.rows;
  }
  EXPECT_GE(given, 500U);  // the window
  EXPECT_LE(given, 700U);
}

TEST(UnitEnds, NameEveryUnitWhenItsLastRowHasCome) {
  std::mt19937_64 random(8);
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const uint64_t lanes = 1 + random() % 4;
    const WindowShuffle shuffle(table_of(random_unit_rows(random, 50)), 1 + random() % 6, lanes,
                                OrderKey{seed, 0});
    std::map<uint64_t, uint64_t> uses;  // by the number of the unit
    for (UnitUses walk(shuffle, 0, 1); walk.peek() != nullptr; walk.next()) {
      ++uses[walk.peek()->unit.number];
    }
    UnitEnds ends(shuffle, 0, 1);
    WindowShuffle::Workspace space;
    for (uint64_t position = 0; position < shuffle.rows(); ++position) {
      while (const auto unit = ends.next(position)) {
        --uses[unit->number];
      }
      uint64_t row = 0;
      shuffle.take(position, 1, {&row, 1}, space);
      uint64_t unit = 0;
      for (UnitUses walk(shuffle, 0, 1); walk.peek() != nullptr; walk.next()) {
        const UnitLine::Unit& of = walk.peek()->unit;
        unit = row >= of.first_row && row - of.first_row < of.rows ? of.number : unit;
      }
      ASSERT_GT(uses[unit], 0U) << "unit " << unit << " was over before row " << row;
    }
    while (const auto unit = ends.next(shuffle.rows())) {
      --uses[unit->number];
    }
    ASSERT_TRUE(
        std::all_of(uses.begin(), uses.end(), [](const auto& use) { return use.second == 0; }));
  }
}

}  // namespace
}  // namespace headrace
