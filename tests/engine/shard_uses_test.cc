#include "engine/shard_uses.h"

#include <algorithm>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "dataset/source_runs.h"
#include "dataset/views.h"
#include "engine/batch_maker.h"
#include "testing/numbered_rows.h"
#include "testing/stored_dataset.h"

namespace headrace {
namespace {

class ShardUsesTest : public testing::Test {
 protected:
  static constexpr uint64_t kRows = 96;

  static std::vector<ShardUse> all(ShardUses& uses) {
    std::vector<ShardUse> found;
    while (const auto use = uses.next()) {
      found.push_back(*use);
    }
    return found;
  }

  LoaderOptions options(const Shuffle& shuffle, uint64_t rank = 0, uint64_t world_size = 1) const {
    return {.split = {.batch_size = 4, .world_size = world_size, .rank = rank},
            .shuffle = shuffle,
            .seed = 3};
  }

  // Every row of every batch lies in a shard that is in use then; no other shard is named; the
  // begins grow.
  void expect_right(const DatasetPtr& dataset, const LoaderOptions& options, uint64_t position) {
    SCOPED_TRACE("position " + std::to_string(position) + ", rank " +
                 std::to_string(options.split.rank));
    const auto order = order_of(*dataset, options, 1, position);
    const auto shards = std::make_shared<const RowShards>(*dataset, *remote_);
    const auto uses = uses_of_order(order, shards);
    const std::vector<ShardUse> found = all(*uses);
    EXPECT_TRUE(std::ranges::is_sorted(found, {}, &ShardUse::begin));
    Order::Workspace space;
    RowShards::Workspace look_up;
    std::vector<uint64_t> rows;
    std::set<uint64_t> needed;
    const Plan& plan = order->plan();
    for (uint64_t batch = 0; batch < plan.batches(); ++batch) {
      if (plan.batch(batch).repeated > 0) {
        continue;
      }
      order->items_of(batch, space, rows);
      for (size_t i = 0; i < rows.size(); ++i) {
        const uint64_t at = plan.batch(batch).first + i * plan.batch(batch).stride;
        const uint64_t shard = shards->of_rows(std::span(&rows[i], 1), look_up).front();
        needed.insert(shard);
        EXPECT_TRUE(std::ranges::any_of(found,
                                        [&](const ShardUse& use) {
                                          return use.shard == shard && use.begin <= at &&
                                                 at < use.end;
                                        }))
            << "shard " << shard << " at " << at;
      }
    }
    for (const ShardUse& use : found) {
      EXPECT_GE(use.begin, plan.begin_of(0));
      // In the middle of a unit some of its shards may be done with; others are of other ranks.
      EXPECT_TRUE(needed.contains(use.shard) || position > 0 || options.split.world_size > 1);
    }
  }

  void expect_right(const DatasetPtr& dataset, const Shuffle& shuffle) {
    for (const uint64_t position : {uint64_t{0}, dataset->rows() / 3, dataset->rows() - 1}) {
      expect_right(dataset, options(shuffle), position);
      expect_right(dataset, options(shuffle, 1, 2), position);
    }
  }

  StoredDataset stored_{numbered_rows(kRows), {20, 10, 30, 4, 32}};
  std::shared_ptr<RemoteShards> remote_ = stored_.open(5);
  DatasetPtr dataset_ = dataset_of_remote_shards(remote_);
};

TEST_F(ShardUsesTest, RowOrderUsesOneShardAfterTheOther) {
  const auto order = order_of(*dataset_, options({}), 0, 25);
  const auto uses = uses_of_order(order, std::make_shared<const RowShards>(*dataset_, *remote_));
  EXPECT_EQ(all(*uses),
            (std::vector<ShardUse>{{1, 25, 30}, {2, 30, 60}, {3, 60, 64}, {4, 64, 96}}));
}

TEST_F(ShardUsesTest, HoldWhatEachBatchNeeds) {
  const Shuffle exact{.kind = Shuffle::Kind::kExact};
  const Shuffle blocks{.kind = Shuffle::Kind::kBlocks, .block_rows = 8, .window = 2};
  const auto shards_of = [](const DatasetPtr& dataset, uint64_t lanes) {
    return Shuffle{.kind = Shuffle::Kind::kShards,
                   .window = 2,
                   .lanes = lanes,
                   .units = shuffle_units(*dataset)};
  };
  const DatasetPtr part = split(dataset_, {48, 48}, 3)[0];
  const DatasetPtr turned = slice(dataset_, kRows - 1, kRows / 2, -2);
  for (const DatasetPtr& dataset : {dataset_, part, turned}) {
    expect_right(dataset, {});
    expect_right(dataset, exact);
    expect_right(dataset, blocks);
    expect_right(dataset, shards_of(dataset, 1));
    expect_right(dataset, shards_of(dataset, 2));
  }
}

TEST_F(ShardUsesTest, AShardOfAnExactShuffleStaysToTheEnd) {
  const auto order = order_of(*dataset_, options({.kind = Shuffle::Kind::kExact}), 0, 0);
  const auto uses = uses_of_order(order, std::make_shared<const RowShards>(*dataset_, *remote_));
  const std::vector<ShardUse> found = all(*uses);
  EXPECT_EQ(found.size(), 5U) << "each once";
  for (const ShardUse& use : found) {
    EXPECT_EQ(use.end, kRows);
  }
}

TEST_F(ShardUsesTest, RowsThatAreDroppedNeedNoShard) {
  LoaderOptions dropping = options({});
  dropping.split.batch_size = 60;
  dropping.split.tail = Tail::kDrop;
  const auto uses = uses_of_order(order_of(*dataset_, dropping, 0, 0),
                                  std::make_shared<const RowShards>(*dataset_, *remote_));
  EXPECT_EQ(all(*uses).back().shard, 2U);
}

TEST_F(ShardUsesTest, ListedBatchesAreKnownWhenTheyAreNamed) {
  ListedUses uses(std::make_shared<const RowShards>(*dataset_, *remote_));
  EXPECT_EQ(uses.next(), std::nullopt);
  uses.name(3, {95, 0, 1});
  EXPECT_EQ(uses.next(), (ShardUse{0, 3, 4}));
  EXPECT_EQ(uses.next(), (ShardUse{4, 3, 4}));
  EXPECT_EQ(uses.next(), std::nullopt);
  uses.name(4, {62});
  EXPECT_EQ(uses.next(), (ShardUse{3, 4, 5}));
}

}  // namespace
}  // namespace headrace
