#include "dataset/shard_list.h"

#include <cstdint>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/shard_lists.h"

namespace headrace {
namespace {

using Rows = std::vector<uint64_t>;

TEST(ShardList, HasAPieceForEachRecordBatch) {
  const auto list = shard_list({10, 3, 8}, {4, 4, 4});
  ASSERT_EQ(list->size(), 6U);
  EXPECT_EQ(list->rows(), 21U);
  EXPECT_EQ(list->row_counts(), (Rows{4, 4, 2, 3, 4, 4}));
  const Rows shards = {0, 0, 0, 1, 2, 2};
  const Rows first_rows = {0, 4, 8, 0, 0, 4};
  const Rows ends = {3, 3, 3, 4, 6, 6};
  for (uint64_t i = 0; i < list->size(); ++i) {
    EXPECT_EQ(list->place(i).shard, shards[i]);
    EXPECT_EQ(list->shard_end(i), ends[i]);
    EXPECT_EQ(list->made(i), nullptr);  // what was asked so far needs no source
    const Source& source = list->source(i);
    EXPECT_EQ(source.rows(), list->row_counts()[i]);
    EXPECT_EQ(source.first_row_in_file(), first_rows[i]);
    EXPECT_EQ(source.place(), list->place(i));
    EXPECT_EQ(list->made(i), &source);
    EXPECT_EQ(&list->source(i), &source);
  }
}

TEST(ShardList, KnowsTheBytesOfItsRowsWithoutASource) {
  const auto list = shard_list({10, 3, 8}, {4, 4, 4}, 1000);
  EXPECT_EQ(list->variable_bytes(), 3000U);
  EXPECT_EQ(list->made(0), nullptr);
}

TEST(ShardList, OfOneShardMayHaveNoMoreBatchesThanItsBytesHold) {
  EXPECT_EQ(shard_list({5000}, {1}, 5000 * 64)->size(), 5000U);
  expect_error(ErrorCode::kCorrupt, {"/shards/1", "5000 record batches"}, [] {
    shard_list({1, 5000}, {1, 1}, 5000 * 64 - 1);
  });
}

TEST(ShardList, OfManyShardsMayHaveNoMoreBatchesThanTheirBytesHold) {
  const Rows rows(100, 4000);
  const Rows batch_rows(100, 1);
  EXPECT_EQ(shard_list(rows, batch_rows, 4000 * 64)->size(), 400'000U);
  expect_error(ErrorCode::kCorrupt, {"4000 record batches"},
               [&] { shard_list(rows, batch_rows, 1000); });
}

// Before there is memory for any: a manifest in a store may claim any number of bytes.
TEST(ShardList, HasFewerThan2To32Batches) {
  const uint64_t many = uint64_t{1} << 31;
  expect_error(ErrorCode::kInvalid, {"2^32", "/shards/1"}, [&] {
    shard_list({many, many}, {1, 1}, UINT64_MAX / 4);
  });
}

}  // namespace
}  // namespace headrace
