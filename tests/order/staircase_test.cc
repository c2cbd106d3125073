#include "order/staircase.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "testing/unit_tables.h"

namespace headrace {
namespace {

// Everything that a staircase says of its stages, against what they are made of.
void expect_staircase(const Staircase& stairs) {
  std::vector<Staircase::Part> parts;
  std::map<uint64_t, uint64_t> given;        // rows of each place so far
  std::map<uint64_t, uint64_t> first_given;  // position of a place's first row
  std::map<uint64_t, uint64_t> last_given;   // and behind its last
  uint64_t begin = 0;
  for (uint64_t stage = 0; stage < stairs.stages(); ++stage) {
    ASSERT_EQ(stairs.stage_begin(stage), begin) << "stage " << stage;
    stairs.stage_parts(stage, parts);
    const auto [first, end] = stairs.open_places(stage);
    ASSERT_LE(end - first, stairs.window());
    uint64_t rows = 0;
    for (const Staircase::Part& part : parts) {
      ASSERT_TRUE(first <= part.place && part.place < end);
      ASSERT_EQ(part.first, stairs.slot(part.place).first + given[part.place]);
      given[part.place] += part.rows;
      rows += part.rows;
    }
    for (const Staircase::Part& part : parts) {
      first_given.try_emplace(part.place, begin);
      last_given[part.place] = begin + rows;
    }
    for (uint64_t i = begin; i < begin + rows; ++i) {
      ASSERT_EQ(stairs.stage_of(i), stage);
    }
    begin += rows;
  }
  ASSERT_EQ(begin, stairs.rows());
  ASSERT_EQ(stairs.stage_begin(stairs.stages()), begin);
  for (uint64_t place = 0; place < stairs.places(); ++place) {
    ASSERT_EQ(given[place], stairs.slot(place).rows);
    if (given[place] > 0) {
      ASSERT_LE(stairs.first_position(place), first_given[place]);
      ASSERT_GE(stairs.end_position(place), last_given[place]);
    }
    if (given[place] >= stairs.window()) {  // then no slice is empty
      ASSERT_EQ(stairs.first_position(place), first_given[place]);
      ASSERT_EQ(stairs.end_position(place), last_given[place]);
    }
  }
}

TEST(Staircase, OfBlocksHasTheStagesThatItSays) {
  for (const uint64_t rows : {1U, 10U, 97U, 1000U, 1003U}) {
    for (const uint64_t block : {1U, 3U, 10U, 64U, 5000U}) {
      for (const uint64_t window : {1U, 2U, 4U, 7U, 5000U}) {
        const auto line = std::make_shared<const UnitLine>(rows, block, rows + block);
        expect_staircase(Staircase(line, 0, rows, window));
      }
    }
  }
}

TEST(Staircase, OfUnevenUnitsHasTheStagesThatItSays) {
  std::mt19937_64 random(2);
  for (uint64_t key = 0; key < 400; ++key) {
    const auto line = std::make_shared<const UnitLine>(table_of(random_unit_rows(random, 40)), key);
    const uint64_t window = 1 + random() % 12;
    expect_staircase(Staircase(line, 0, line->rows(), window));
    const uint64_t begin = random() % line->rows();
    const uint64_t end = begin + random() % (line->rows() - begin + 1);
    expect_staircase(Staircase(line, begin, end, window));
  }
}

TEST(Staircase, HasTheRowsOfTheLineThatItWasGiven) {
  const auto line = std::make_shared<const UnitLine>(table_of({10, 20, 30}), 5);
  const Staircase stairs(line, 5, 35, 2);
  std::multiset<uint64_t> rows;
  for (uint64_t place = 0; place < stairs.places(); ++place) {
    const Staircase::Slot slot = stairs.slot(place);
    for (uint64_t i = 0; i < slot.rows; ++i) {
      rows.insert(line->begin(place) + slot.first + i);
    }
  }
  std::multiset<uint64_t> expected;
  for (uint64_t row = 5; row < 35; ++row) {
    expected.insert(row);
  }
  EXPECT_EQ(rows, expected);
}

TEST(Staircase, OpensEachUnitOnceAndAtMostAWindowOfThem) {
  const auto line = std::make_shared<const UnitLine>(2000, 50, 1);
  const Staircase stairs(line, 0, 2000, 4);
  std::vector<Staircase::Part> parts;
  std::set<uint64_t> finished;
  std::set<uint64_t> open;
  for (uint64_t stage = 0; stage < stairs.stages(); ++stage) {
    stairs.stage_parts(stage, parts);
    std::set<uint64_t> now;
    for (const Staircase::Part& part : parts) {
      ASSERT_FALSE(finished.contains(part.place)) << "unit at " << part.place << " came back";
      now.insert(part.place);
    }
    ASSERT_LE(now.size(), 4U);
    std::set_difference(open.begin(), open.end(), now.begin(), now.end(),
                        std::inserter(finished, finished.end()));
    open = now;
  }
}

TEST(Staircase, OfNoRowsHasNoStages) {
  const auto line = std::make_shared<const UnitLine>(table_of({4}), 5);
  EXPECT_EQ(Staircase(line, 4, 4, 3).stages(), 0);
  EXPECT_EQ(Staircase(line, 4, 4, 3).places(), 0);
}

}  // namespace
}  // namespace headrace
