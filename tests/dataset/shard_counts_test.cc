#include "dataset/shard_counts.h"

#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/made_dataset.h"

namespace headrace {
namespace {

void no_poll() {}

class ShardCountsTest : public testing::Test {
 protected:
  MadeDatasetForTests dataset_{{make_column({.name = "x", .row_shape = {4000}}, 60),
                                make_column({.name = "t", .kind = ColumnKind::kText}, 60)},
                               {20, 15, 1, 24}};
};

TEST_F(ShardCountsTest, SaysRowsAndBytesOfShardsOfWhichNothingIsKnown) {
  const auto shards = dataset_.open(uint64_t{1} << 22, false);
  const MadeDatasetForTests::Makers makers(dataset_, shards);
  ShardCounter counter(shards, 2);
  const auto counts = counter.count_to(3, no_poll);
  ASSERT_EQ(counts.size(), 3U);
  EXPECT_EQ(counts[0].rows, 20U);
  EXPECT_EQ(counts[1].rows, 15U);
  EXPECT_EQ(counts[2].rows, 1U);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(counts[i].bytes, dataset_.bytes(i));
  }
  const auto last = counter.count_to(4, no_poll);
  ASSERT_EQ(last.size(), 1U);
  EXPECT_EQ(last[0].rows, 24U);
  EXPECT_EQ(shards->store().stats().fetches, 4U);
  EXPECT_EQ(shards->store().stats().refetches, 0U) << "asking for more room is none";
  EXPECT_EQ(shards->store().stats().held_bytes, 0U);
  EXPECT_EQ(shards->store().room(0).bytes, dataset_.bytes(0)) << "it is known now";
}

TEST_F(ShardCountsTest, TheFirstStayWhereThereIsNoRoomForAll) {
  const auto shards = dataset_.open(2 * dataset_.bytes(3) + 40'000, false);
  const MadeDatasetForTests::Makers makers(dataset_, shards);
  EXPECT_EQ(ShardCounter(shards, 1).count_to(4, no_poll).size(), 4U);
  EXPECT_EQ(ShardCounter(shards, 1).count_to(1, no_poll)[0].rows, 20U);
  EXPECT_EQ(shards->store().stats().hits, 1U);
}

TEST_F(ShardCountsTest, EndsWhenItIsPolledTo) {
  const auto shards = dataset_.open(uint64_t{1} << 22, false);  // that nobody makes
  const auto stop = [] { throw Error(ErrorCode::kCancelled, "stop"); };
  expect_error(ErrorCode::kCancelled, {"stop"}, [&] { ShardCounter(shards, 2).count_to(4, stop); });
}

}  // namespace
}  // namespace headrace
