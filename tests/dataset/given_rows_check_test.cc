#include "dataset/given_rows_check.h"

#include <vector>

#include <gtest/gtest.h>

#include "format/batch_layout.h"
#include "testing/errors.h"
#include "testing/shards.h"

namespace headrace {
namespace {

const Poll kNoPoll = [] {};

void check(const std::vector<ShardColumn>& columns, uint64_t rows,
           uint64_t elements = kMaxBatchElements) {
  std::vector<ColumnView> views;
  for (const ShardColumn& column : columns) {
    views.push_back(column.view(0, std::min(rows, column.rows)));
  }
  check_given_rows(schema_of(columns), views, elements, kNoPoll);
}

TEST(GivenRowsCheck, RowsOfEveryKindAreRight) {
  std::vector<ShardColumn> columns;
  for (const Field& field : one_field_of_each_kind()) {
    columns.push_back(make_column(field, 50));
  }
  EXPECT_NO_THROW(check(columns, 50));
}

TEST(GivenRowsCheck, ColumnsAreAsManyAsTheSchemaSaysAndEquallyLong) {
  const ShardColumn x = make_column({.name = "x"}, 5);
  const ShardColumn y = make_column({.name = "y"}, 4);
  expect_error(ErrorCode::kInvalid, {"y has 4 rows", "x has 5"}, [&] { check({x, y}, 9); });
  const std::vector<ColumnView> one = {x.view(0, 5)};
  expect_error(ErrorCode::kInvalid, {"1 columns", "2"}, [&] {
    check_given_rows(schema_of({x, y}), one, kMaxBatchElements, kNoPoll);
  });
}

TEST(GivenRowsCheck, NamesTheFirstRowThatIsWrong) {
  ShardColumn csr = make_column(one_field_of_each_kind()[6], 40);
  csr.indices[4] = std::byte{0xFF};  // of the second element, which had at most 299
  csr.indices[5] = std::byte{0xFF};
  expect_error(ErrorCode::kInvalid, {"column csr", "outside the width 300"},
               [&] { check({csr}, 40); });
}

TEST(GivenRowsCheck, ARowHasFewerElementsThanARecordBatchMayHave) {
  const ShardColumn column = blobs("b", 3, 100);
  EXPECT_NO_THROW(check({column}, 3, 101));
  expect_error(ErrorCode::kInvalid, {"column b, row 0", "100 elements"},
               [&] { check({column}, 3, 100); });
}

TEST(GivenRowsCheck, CanBeStopped) {
  const ShardColumn x = make_column({.name = "x"}, 5);
  const std::vector<ColumnView> views = {x.view(0, 5)};
  const Poll stop = [] { throw Error(ErrorCode::kCancelled, "stop"); };
  expect_error(ErrorCode::kCancelled, {"stop"},
               [&] { check_given_rows(schema_of({x}), views, kMaxBatchElements, stop); });
}

}  // namespace
}  // namespace headrace
