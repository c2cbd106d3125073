#include "dataset/next_uses.h"

#include <gtest/gtest.h>

#include "testing/numbered_shards.h"

namespace headrace {
namespace {

TEST(NextUses, AreKnownByKeyAfterTheyWereSet) {
  const NumberedShards shards(300);
  NextUses uses(NumberedShards::dataset(), shards.table());
  for (size_t shard = 0; shard < 300; ++shard) {
    EXPECT_EQ(uses.next_use(uses.key(shard)), kNoKnownUse);
    uses.set(shard, shard * 2);
  }
  for (size_t shard = 0; shard < 300; ++shard) {
    EXPECT_EQ(uses.next_use(uses.key(shard)), shard * 2);
  }
}

TEST(NextUses, OfOtherShardsAreUnknown) {
  const NumberedShards shards(3);
  NextUses uses(NumberedShards::dataset(), shards.table());
  uses.set(1, 5);
  CacheKey other = uses.key(1);
  other.dataset = {7};
  EXPECT_EQ(uses.next_use(other), kNoKnownUse);
  other = uses.key(1);
  ++other.xxh3;
  EXPECT_EQ(uses.next_use(other), kNoKnownUse);
  other = uses.key(1);
  other.shard = {250};
  EXPECT_EQ(uses.next_use(other), kNoKnownUse);
}

TEST(NextUses, OfLaterPassesAreToldApart) {
  const NumberedShards shards(3);
  NextUses uses(NumberedShards::dataset(), shards.table());
  uses.set(0, 99);
  uses.set(1, 100);
  uses.set(2, 250);
  EXPECT_EQ(uses.next_use(uses.key(2)), 250U);
  uses.set_pass_end(100);
  EXPECT_EQ(uses.next_use(uses.key(0)), 99U);
  EXPECT_EQ(uses.next_use(uses.key(1)), kLaterPass);
  EXPECT_EQ(uses.next_use(uses.key(2)), kLaterPass + 150);
  uses.set_pass_end(200);
  EXPECT_EQ(uses.next_use(uses.key(1)), 100U);
  EXPECT_EQ(uses.ranked(kNoKnownUse), kNoKnownUse);
  EXPECT_EQ(uses.last_of_pass(), 199U);
  EXPECT_LT(uses.ranked(uses.last_of_pass()), kLaterPass);
}

}  // namespace
}  // namespace headrace
