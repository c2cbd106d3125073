#include "engine/shard_room.h"

#include <gtest/gtest.h>

#include "dataset/source_runs.h"
#include "dataset/views.h"
#include "engine/batch_maker.h"
#include "testing/errors.h"
#include "testing/fake_shards.h"
#include "testing/numbered_rows.h"
#include "testing/stored_dataset.h"

namespace headrace {
namespace {

uint64_t ten(uint64_t /*shard*/) { return 10; }

TEST(ShardDemand, IsTheMostThatABatchNeeds) {
  ListOfUses uses({{0, 0, 10}, {1, 5, 12}, {2, 8, 9}, {0, 11, 14}, {3, 20, 30}});
  const ShardDemand demand = demand_of(uses, 0, 4, 40, ten);
  EXPECT_EQ(demand.shards, 3U) << "0, 1 and 2 in positions 8 to 11";
  EXPECT_EQ(demand.bytes, 30U);
  EXPECT_EQ(demand.uses, 5U);
}

TEST(ShardDemand, AShardThatTurnsOutLargerMeanwhileIsCountedAsItWas) {
  ListOfUses uses({{0, 0, 4}, {1, 4, 8}, {2, 8, 12}, {3, 12, 16}});
  uint64_t each = 10;
  const auto growing = [&](uint64_t /*shard*/) { return each += 5; };
  EXPECT_EQ(demand_of(uses, 0, 4, 16, growing).bytes, 30U) << "the last one alone";
}

TEST(ShardDemand, WhatIsOverBeforeTheBatchIsNotCounted) {
  ListOfUses uses({{0, 0, 4}, {1, 4, 8}, {2, 8, 12}});
  EXPECT_EQ(demand_of(uses, 0, 4, 12, ten).shards, 1U);
}

TEST(PassRoom, ProcessesThatNeedTheSameTakeTheirSharesTogether) {
  const PassRoom room{.limit = 100, .share = 25, .sharers = 2};
  EXPECT_EQ(room.allowed(true), 50U);
  EXPECT_EQ(room.allowed(false), 25U);
  EXPECT_EQ((PassRoom{.limit = 100, .share = 100, .sharers = 2}).allowed(false), 50U)
      << "the other one has not come yet";
}

TEST(ExpectedSharers, AreThoseThatMayBeHereAsLongAsTheyMayStillCome) {
  using std::chrono::seconds;
  LoaderOptions options;
  options.split = {.world_size = 8, .every = 2};
  options.local_ranks = 4;
  EXPECT_EQ(expected_sharers(options, seconds(0)), 8U);
  EXPECT_EQ(expected_sharers(options, seconds(9)), 8U);
  EXPECT_EQ(expected_sharers(options, seconds(10)), 1U) << "who is there is seen";
  options.local_ranks = 0;
  EXPECT_EQ(options.sharers(), 2U) << "no launcher has said more";
  EXPECT_EQ(expected_sharers(options, seconds(0)), 16U);
}

class ShardRoomTest : public testing::Test {
 protected:
  static constexpr uint64_t kRows = 160;

  void check(const DatasetPtr& dataset, const Shuffle& shuffle, double room,
             uint64_t batch_size = 4) const {
    const LoaderOptions options{.split = {.batch_size = batch_size}, .shuffle = shuffle};
    const auto bytes = static_cast<uint64_t>(room * static_cast<double>(stored_.charge()));
    check_shard_room(order_of(*dataset, options, 0, 0),
                     std::make_shared<const RowShards>(*dataset, *remote_),
                     {.limit = bytes, .share = bytes});
  }

  Shuffle shards(uint64_t window) const {
    return {.kind = Shuffle::Kind::kShards,
            .window = window,
            .lanes = 1,
            .units = shuffle_units(*dataset_)};
  }

  const Shuffle exact_{.kind = Shuffle::Kind::kExact};
  StoredDataset stored_{numbered_rows(kRows), std::vector<uint64_t>(16, 10)};
  std::shared_ptr<RemoteShards> remote_ = stored_.open(16);
  DatasetPtr dataset_ = dataset_of_remote_shards(remote_);
};

TEST_F(ShardRoomTest, AllRowsAtOnceNeedRoomForAllShards) {
  check(dataset_, exact_, 16);
  expect_error(ErrorCode::kInvalid,
               {"shuffle=True", "16 shards of s3://bucket/data", "hr.ShardShuffle()",
                "cache_bytes of at least " + std::to_string(16 * stored_.charge())},
               [&] { check(dataset_, exact_, 15.9); });
  check(slice(dataset_, 0, 20, 1), exact_, 2);
}

TEST_F(ShardRoomTest, TheErrorSaysWhatItWouldCost) {
  // 40 batches of 4 rows take 16 * (1 - (15/16)^4) = 3.64 shards each, half of which are missing.
  expect_error(ErrorCode::kInvalid, {"each shard 4.6 times"}, [&] { check(dataset_, exact_, 8); });
}

TEST_F(ShardRoomTest, WhatItWouldCostIsANumberThatPeopleRead) {
  const StoredDataset stored{numbered_rows(3200), std::vector<uint64_t>(16, 200)};
  const auto remote = stored.open(16);
  const auto dataset = dataset_of_remote_shards(remote);
  const auto bytes = 8 * stored.charge();
  const LoaderOptions options{.split = {.batch_size = 1}, .shuffle = exact_};
  // 3200 batches of a row take a shard each, half of which are missing.
  expect_error(ErrorCode::kInvalid, {"each shard 100 times"}, [&] {
    check_shard_room(order_of(*dataset, options, 0, 0),
                     std::make_shared<const RowShards>(*dataset, *remote),
                     {.limit = bytes, .share = bytes});
  });
}

TEST_F(ShardRoomTest, RowOrderNeedsRoomForTheShardsOfABatch) {
  check(dataset_, {}, 2);
  check(dataset_, {}, 4, 25);
  expect_error(ErrorCode::kInvalid, {"needs 2 shards", "cache_bytes of at least"},
               [&] { check(dataset_, {}, 1); });
  check(dataset_, {}, 1, 10);
}

TEST_F(ShardRoomTest, AWindowNeedsRoomForAllThatIsOpenInABatch) {
  check(dataset_, shards(3), 4);
  expect_error(ErrorCode::kInvalid, {"needs 4 shards", "room for 3 of them", "smaller window"},
               [&] { check(dataset_, shards(3), 3); });
}

TEST_F(ShardRoomTest, SmallBlocksOfLargeShardsAreRefusedLikeAllRows) {
  const Shuffle blocks{.kind = Shuffle::Kind::kBlocks, .block_rows = 1, .window = 4};
  expect_error(ErrorCode::kInvalid, {"hr.BlockShuffle", "hr.ShardShuffle()"},
               [&] { check(dataset_, blocks, 8); });
  check(dataset_, {.kind = Shuffle::Kind::kBlocks, .block_rows = 10, .window = 4}, 8);
}

}  // namespace
}  // namespace headrace
