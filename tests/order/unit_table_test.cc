#include "order/unit_table.h"

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"

namespace headrace {
namespace {

TEST(UnitTable, SaysWhereUnitsBegin) {
  const UnitTable table(std::vector<uint64_t>{3, 0, 5});
  EXPECT_EQ(table.units(), 3);
  EXPECT_EQ(table.rows(), 8);
  EXPECT_EQ(table.first_row(2), 3);
  EXPECT_EQ(table.rows_of(0), 3);
  EXPECT_EQ(table.rows_of(1), 0);
  EXPECT_EQ(table.rows_of(2), 5);
}

TEST(UnitTable, IsToldApartByItsSizes) {
  const auto digest = [](const std::vector<uint64_t>& rows) { return UnitTable(rows).digest(); };
  EXPECT_EQ(digest({3, 5}), digest({3, 5}));
  EXPECT_NE(digest({3, 5}), digest({5, 3}));
  EXPECT_NE(digest({3, 5}), digest({3, 0, 5}));
  EXPECT_EQ(digest({3, 5}), 0x913FEBEBBD03CA1AU);
}

TEST(UnitTable, RefusesNoRowsAndTooMany) {
  expect_error(ErrorCode::kInvalid, {"at least one row", "0 in 2 units"}, [] {
    UnitTable(std::vector<uint64_t>{0, 0});
  });
  expect_error(ErrorCode::kInvalid, {"at least one row"},
               [] { UnitTable(std::vector<uint64_t>{}); });
  expect_error(ErrorCode::kInvalid, {"rows of all units", "64 bits"}, [] {
    UnitTable(std::vector<uint64_t>{UINT64_MAX, 1});
  });
}

}  // namespace
}  // namespace headrace
