#include "order/unit_line.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "testing/unit_tables.h"

namespace headrace {
namespace {

// Places follow each other, and hold every unit once with all its rows.
void expect_line_of(const UnitLine& line, const std::vector<uint64_t>& unit_rows) {
  ASSERT_EQ(line.units(), unit_rows.size());
  std::vector<bool> seen(line.units(), false);
  uint64_t row = 0;
  for (uint64_t place = 0; place < line.units(); ++place) {
    const UnitLine::Unit unit = line.unit(place);
    ASSERT_LT(unit.number, line.units());
    ASSERT_FALSE(seen[unit.number]);
    seen[unit.number] = true;
    ASSERT_EQ(unit.rows, unit_rows[unit.number]);
    uint64_t first = 0;
    for (uint64_t before = 0; before < unit.number; ++before) {
      first += unit_rows[before];
    }
    ASSERT_EQ(unit.first_row, first);
    ASSERT_EQ(line.begin(place), row);
    for (uint64_t i = 0; i < unit.rows; ++i) {
      ASSERT_EQ(line.place_of(row + i), place);
    }
    row += unit.rows;
  }
  ASSERT_EQ(line.begin(line.units()), row);
  ASSERT_EQ(line.rows(), row);
}

TEST(UnitLine, HasEveryUnitOfATableOnce) {
  std::mt19937_64 random(1);
  for (uint64_t key = 0; key < 200; ++key) {
    const std::vector<uint64_t> unit_rows = random_unit_rows(random, 9);
    expect_line_of(UnitLine(table_of(unit_rows), key), unit_rows);
  }
}

TEST(UnitLine, HasEveryBlockOnce) {
  for (uint64_t rows = 1; rows <= 40; ++rows) {
    for (uint64_t block = 1; block <= rows + 1; ++block) {
      std::vector<uint64_t> unit_rows(rows / block, block);
      if (rows % block != 0) {
        unit_rows.push_back(rows % block);
      }
      expect_line_of(UnitLine(rows, block, rows), unit_rows);
    }
  }
}

TEST(UnitLine, OfBlocksIsTheLineOfTheirTable) {
  const UnitLine blocks(1003, 10, 7);
  std::vector<uint64_t> unit_rows(100, 10);
  unit_rows.push_back(3);
  const UnitLine table(table_of(unit_rows), 7);
  for (uint64_t place = 0; place < blocks.units(); ++place) {
    ASSERT_EQ(blocks.unit(place).number, table.unit(place).number);
    ASSERT_EQ(blocks.begin(place), table.begin(place));
  }
}

TEST(UnitLine, IsToldApartByTheSizesOfItsUnits) {
  EXPECT_NE(UnitLine(100, 10, 1).digest(), UnitLine(100, 11, 1).digest());
  EXPECT_NE(UnitLine(table_of({4, 6}), 1).digest(), UnitLine(table_of({6, 4}), 1).digest());
}

}  // namespace
}  // namespace headrace
