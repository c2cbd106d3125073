#include "dataset/made_shard_writer.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/memory_sink.h"
#include "testing/shard_rows.h"
#include "testing/shards.h"

namespace headrace {
namespace {

constexpr uint64_t kRows = 70;
constexpr uint64_t kBatchRows = 16;

std::vector<ShardColumn> columns_of_all_kinds() {
  std::vector<ShardColumn> columns;
  for (const Field& field : one_field_of_each_kind()) {
    columns.push_back(make_column(field, kRows));
  }
  return columns;
}

// The rows, written `step` at a time.
std::vector<std::byte> written(const std::vector<ShardColumn>& columns, uint64_t step) {
  MemorySink sink;
  MadeShardWriter writer(schema_of(columns), kBatchRows, sink);
  for (uint64_t first = 0; first < kRows; first += step) {
    std::vector<ColumnView> views;
    for (const ShardColumn& column : columns) {
      views.push_back(column.view(first, std::min(step, kRows - first)));
    }
    writer.write(views);
  }
  const ShardSummary summary = writer.finish();
  EXPECT_EQ(summary.rows, kRows);
  EXPECT_EQ(summary.bytes, sink.bytes().size());
  return sink.bytes();
}

TEST(MadeShardWriter, WritesTheSameHoweverRowsAreHandedOver) {
  const auto columns = columns_of_all_kinds();
  const auto bytes = written(columns, kRows);
  const ShardLayout layout = read_bytes(bytes, LayoutRules::kProfileOnly);
  EXPECT_EQ(layout.rows_per_batch, kBatchRows);
  EXPECT_EQ(layout.batches.size(), 5U);
  expect_rows(layout, bytes, columns);
  for (const uint64_t step : {1, 7, 16, 17, 40}) {
    EXPECT_EQ(written(columns, step), bytes) << step;
  }
}

TEST(MadeShardWriter, AShardMayHaveNoRows) {
  MemorySink sink;
  MadeShardWriter writer({{.name = "x"}}, kBatchRows, sink);
  EXPECT_EQ(writer.finish().rows, 0U);
  EXPECT_EQ(read_bytes(sink.bytes(), LayoutRules::kProfileOnly).rows, 0U);
}

TEST(MadeShardWriter, SaysWhichRowIsWrong) {
  ShardColumn column = make_column({.name = "b", .dtype = DType::kBool}, kRows);
  column.values[33] = std::byte{2};
  MemorySink sink;
  MadeShardWriter writer(schema_of({column}), kBatchRows, sink);
  const std::vector<ColumnView> views = {column.view(0, kRows)};
  expect_error(ErrorCode::kInvalid, {"column b", "row 33"}, [&] { writer.write(views); });
}

}  // namespace
}  // namespace headrace
