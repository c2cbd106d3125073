#include "dataset/next_uses.h"

#include <gtest/gtest.h>

#include "testing/remote_shards.h"

namespace headrace {
namespace {

TEST(NextUses, AreKnownByKeyAfterTheyWereSet) {
  const RemoteShards shards(300);
  NextUses uses(RemoteShards::dataset(), shards.table());
  for (size_t shard = 0; shard < 300; ++shard) {
    EXPECT_EQ(uses.position(uses.key(shard)), kNoKnownUse);
    uses.set(shard, shard * 2);
  }
  for (size_t shard = 0; shard < 300; ++shard) {
    EXPECT_EQ(uses.position(uses.key(shard)), shard * 2);
  }
}

TEST(NextUses, OfOtherShardsAreUnknown) {
  const RemoteShards shards(3);
  NextUses uses(RemoteShards::dataset(), shards.table());
  uses.set(1, 5);
  CacheKey other = uses.key(1);
  other.dataset = {7};
  EXPECT_EQ(uses.position(other), kNoKnownUse);
  other = uses.key(1);
  ++other.xxh3;
  EXPECT_EQ(uses.position(other), kNoKnownUse);
  other = uses.key(1);
  other.shard = {250};
  EXPECT_EQ(uses.position(other), kNoKnownUse);
}

}  // namespace
}  // namespace headrace
