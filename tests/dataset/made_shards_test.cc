#include "dataset/made_shards.h"

#include <vector>

#include <gtest/gtest.h>

#include "testing/memory_sink.h"
#include "testing/shards.h"

namespace headrace {
namespace {

constexpr uint64_t kMuch = uint64_t{1} << 40;

MadeShards made(const Schema& schema, uint64_t rows, const MadeShards::Seen& seen,
                uint64_t most = kMuch) {
  return {schema,
          {{.name = "a", .rows = rows, .batch_rows = 64}, {.name = "b", .batch_rows = 64}},
          seen,
          most};
}

TEST(MadeShards, OfTensorsTheSizeFollowsFromTheRows) {
  for (const uint64_t rows : {1, 63, 64, 65, 5000}) {
    const std::vector<ShardColumn> columns = {
        make_column({.name = "scalar", .dtype = DType::kFloat64}, rows),
        make_column({.name = "tensor", .dtype = DType::kInt16, .row_shape = {300}}, rows)};
    MemorySink sink;
    const uint64_t bytes = write_shard(sink, columns, 64).bytes;
    const uint64_t most = made(schema_of(columns), rows, {}).most_bytes(0);
    EXPECT_GE(most, bytes) << rows;
    const uint64_t batches = (rows + 63) / 64;
    EXPECT_LE(most, bytes + 32768 + batches * 2048) << rows;
  }
}

TEST(MadeShards, OfOtherColumnsItFollowsFromWhatWasSeen) {
  const Schema schema = {{.name = "t", .kind = ColumnKind::kText}};
  MadeShards shards = made(schema, 1000, {.row_bytes = 100, .bytes = 5000});
  EXPECT_GE(shards.most_bytes(0), 125'000U);
  EXPECT_GE(shards.most_bytes(1), 6250U) << "whose rows are not known";
  EXPECT_LT(shards.most_bytes(1), 50'000U);
  shards.learn(1, 10, 400'000);
  EXPECT_EQ(shards.most_bytes(1), 400'000U);
  EXPECT_GE(shards.most_bytes(0), 1000 * 45'000U) << "rows may be as large as those";
}

TEST(MadeShards, ARowOfASmallShardIsNotAsLargeAsItsMetadata) {
  const Schema schema = {{.name = "t", .kind = ColumnKind::kText}};
  MadeShards shards = made(schema, 5000, {.row_bytes = 14, .bytes = 14});
  shards.learn(1, 1, 3000);
  EXPECT_LT(shards.most_bytes(0), 5000 * 14 * 5 / 4 + 200'000U);
  EXPECT_EQ(shards.seen().row_bytes, 14U);
  EXPECT_EQ(shards.seen().bytes, 3000U);
  shards.learn(1, 100, 1'000'000);
  EXPECT_NEAR(static_cast<double>(shards.seen().row_bytes), 1e4, 300);
}

TEST(MadeShards, AtLeastItIsWhatIsKnownOrItsTensorsTake) {
  const Schema tensor = {{.name = "x", .dtype = DType::kInt16, .row_shape = {300}}};
  Schema both = tensor;
  both.push_back({.name = "t", .kind = ColumnKind::kText});
  for (const Schema& schema : {tensor, both}) {
    MadeShards shards = made(schema, 100, {.row_bytes = 9999, .bytes = 1});
    EXPECT_EQ(shards.least_bytes(0), 60'000U);
    EXPECT_EQ(shards.least_bytes(1), 1U) << "whose rows are not known";
    EXPECT_FALSE(shards.is_known(0));
    shards.learn(0, 100, 61'234);
    EXPECT_TRUE(shards.is_known(0));
    EXPECT_EQ(shards.least_bytes(0), 61'234U);
  }
}

TEST(MadeShards, WhatIsSaidToBeLargerThanThereIsRoomIsNotBelieved) {
  MadeShards shards({{.name = "t", .kind = ColumnKind::kText}},
                    {{.name = "a", .rows = 10, .batch_rows = 64, .bytes = uint64_t{1} << 61}}, {},
                    1 << 20);
  EXPECT_FALSE(shards.is_known(0));
  EXPECT_LE(shards.most_bytes(0), uint64_t{1} << 20);
}

TEST(MadeShards, WhatIsKnownStaysWhateverElseIsSeen) {
  MadeShards shards({{.name = "t", .kind = ColumnKind::kText}},
                    {{.name = "a", .rows = 10, .batch_rows = 64, .bytes = 700}}, {}, kMuch);
  EXPECT_EQ(shards.most_bytes(0), 700U);
  EXPECT_EQ(shards.name(0), "a");
  shards.learn(0, 10, 900);
  EXPECT_EQ(shards.most_bytes(0), 900U);
}

TEST(MadeShards, AnEstimateIsNoMoreThanThereMayBeAndWhatIsKnownMayBe) {
  MadeShards shards = made({{.name = "t", .kind = ColumnKind::kText}}, UINT64_MAX / 2,
                           {.row_bytes = UINT64_MAX / 2, .bytes = UINT64_MAX}, 4096);
  EXPECT_EQ(shards.most_bytes(0), 4096U);
  EXPECT_EQ(shards.most_bytes(1), 4096U);
  shards.learn(1, 0, 9000);
  EXPECT_EQ(shards.most_bytes(1), 9000U);
}

}  // namespace
}  // namespace headrace
