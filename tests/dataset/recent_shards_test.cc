#include "dataset/recent_shards.h"

#include <memory>

#include <gtest/gtest.h>

#include "dataset/remote_shards.h"
#include "testing/shard_reading.h"
#include "testing/stored_dataset.h"

namespace headrace {
namespace {

class RecentShardsTest : public testing::Test {
 protected:
  // Holds a shard that nobody else does; its weak share tells whether it is held still.
  std::weak_ptr<const HeldShard> keep(uint64_t shard, uint64_t most_bytes) {
    const std::shared_ptr<RemoteShards>& shards = served_.shards();
    auto held =
        std::make_shared<const HeldShard>(shards->store().wait(shard, [] {}), shards, shard);
    recent_.keep(shard, held, most_bytes);
    return held;
  }

  StoredDataset stored_{columns_of_each_kind(75), {15, 15, 15, 15, 15}};
  ServedDataset served_{stored_, 5};
  RecentShards recent_;
};

TEST_F(RecentShardsTest, HoldTheLastOnes) {
  const auto first = keep(0, UINT64_MAX);
  const auto second = keep(1, UINT64_MAX);
  keep(2, UINT64_MAX);
  keep(3, UINT64_MAX);
  EXPECT_FALSE(first.expired());
  keep(4, UINT64_MAX);
  EXPECT_TRUE(first.expired());
  EXPECT_FALSE(second.expired());
  recent_.drop_all();
  EXPECT_TRUE(second.expired());
}

TEST_F(RecentShardsTest, TakeNoMoreThanTheyMay) {
  const auto first = keep(0, 2 * stored_.charge());
  const auto second = keep(1, 2 * stored_.charge());
  EXPECT_FALSE(first.expired() || second.expired());
  const auto third = keep(2, stored_.charge());
  EXPECT_TRUE(first.expired() && second.expired());
  EXPECT_FALSE(third.expired());
  EXPECT_TRUE(keep(3, 0).expired());
  EXPECT_TRUE(third.expired());
}

TEST_F(RecentShardsTest, DropEveryShareOfAShard) {
  const auto one = keep(0, UINT64_MAX);
  const auto other = keep(1, UINT64_MAX);
  const auto again = keep(0, UINT64_MAX);
  recent_.drop(0);
  EXPECT_TRUE(one.expired() && again.expired());
  EXPECT_FALSE(other.expired());
}

}  // namespace
}  // namespace headrace
