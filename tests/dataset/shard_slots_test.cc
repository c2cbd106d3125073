#include "dataset/shard_slots.h"

#include <chrono>
#include <memory>

#include <gtest/gtest.h>

#include "testing/cache_shards.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

class ShardSlotsTest : public testing::Test {
 protected:
  static uint64_t soon(uint64_t /*shard*/, const ShardSlots::Slot& /*slot*/) { return 2; }

  // Wants a shard, which is there then and counts kCachedCharge.
  void want_ready(uint64_t shard, uint64_t position, bool kept = true) {
    slots_.want(shard, position, kept);
    slots_.pin(shard, cache_->pin(cache_key(shard)), kCachedCharge);
    slots_.settle(shard, put_shard(*cache_, shard), kCachedCharge, false);
  }

  TempDir dir_;
  std::shared_ptr<ShardCache> cache_ = open_cache(dir_.path("cache"), 8);
  ShardSlots slots_{8};
};

TEST_F(ShardSlotsTest, AreWantedUntilTheyAreTaken) {
  EXPECT_EQ(slots_.find(1), std::nullopt);
  EXPECT_FALSE(slots_.want(1, 10, true));
  EXPECT_EQ(slots_.find(1), std::shared_ptr<const CachedShard>());
  want_ready(1, 11);
  EXPECT_NE(slots_.ready(1), nullptr);
  EXPECT_TRUE(slots_.want(1, 12, false));
  EXPECT_EQ(slots_.stats().held_bytes, kCachedCharge);
  const ShardSlots::Slot taken = slots_.take(1);
  EXPECT_EQ(taken.position, 12U);
  EXPECT_TRUE(taken.kept);
  EXPECT_NE(taken.ready, nullptr);
  EXPECT_EQ(slots_.find(1), std::nullopt);
  EXPECT_EQ(slots_.stats().held_bytes, 0U);
  EXPECT_EQ(slots_.take(1).ready, nullptr);
}

TEST_F(ShardSlotsTest, CountWhatIsPinned) {
  const auto pin = cache_->pin(cache_key(1));
  EXPECT_EQ(slots_.pin(1, pin, 100), nullptr) << "nobody wants it";
  slots_.want(1, 10, true);
  slots_.want(2, 10, true);
  EXPECT_EQ(slots_.pin(1, pin, 100), pin);
  EXPECT_EQ(slots_.pin(1, cache_->pin(cache_key(1)), 300), pin) << "it has one";
  EXPECT_EQ(slots_.stats().held_bytes, 300U) << "it turned out to need more";
  EXPECT_EQ(slots_.pin(1, pin, 100), pin);
  EXPECT_EQ(slots_.held_by_others(2), 100U);
  EXPECT_EQ(slots_.held_by_others(1), 0U);
  slots_.unpin(1);
  EXPECT_EQ(slots_.held_by_others(2), 0U);
  want_ready(1, 10);
  slots_.unpin(1);
  EXPECT_EQ(slots_.held_by_others(2), kCachedCharge) << "what is there keeps its pin";
}

TEST_F(ShardSlotsTest, GiveBackWhatIsUsedLast) {
  want_ready(1, 10);
  want_ready(2, 30);
  want_ready(3, 20);
  EXPECT_EQ(slots_.give_back(30, false, soon), std::nullopt) << "all are used before";
  const auto given = slots_.give_back(5, false, soon);
  ASSERT_TRUE(given.has_value());
  EXPECT_EQ(given->shard, 2U);
  EXPECT_EQ(given->position, 2U);
  EXPECT_EQ(slots_.find(2), std::shared_ptr<const CachedShard>()) << "it is wanted again";
  EXPECT_EQ(slots_.stats().held_bytes, 2 * kCachedCharge);
  EXPECT_EQ(slots_.give_back(25, true, soon)->shard, 3U) << "any: the last that there is";
}

TEST_F(ShardSlotsTest, GiveNothingBackThatIsHeldOrWaitedFor) {
  want_ready(1, 10);
  want_ready(2, 20);
  EXPECT_TRUE(slots_.begin_wait(2));
  {
    const auto held = slots_.ready(1);
    EXPECT_EQ(slots_.give_back(0, true, soon), std::nullopt);
  }
  EXPECT_EQ(slots_.give_back(0, true, soon)->shard, 1U);
  slots_.end_wait(2, std::chrono::nanoseconds(5));
  EXPECT_EQ(slots_.give_back(0, false, soon)->shard, 2U);
  EXPECT_EQ(slots_.stats().waits, 1U);
  EXPECT_EQ(slots_.stats().waited.count(), 5);
}

TEST_F(ShardSlotsTest, AreIdleWhenNobodyKeepsHoldsOrAwaitsThem) {
  EXPECT_FALSE(slots_.is_idle(1));
  want_ready(1, 10, false);
  EXPECT_TRUE(slots_.is_idle(1));
  EXPECT_FALSE(slots_.begin_wait(1));
  EXPECT_FALSE(slots_.is_idle(1));
  slots_.end_wait(1, {});
  {
    const auto held = slots_.ready(1);
    EXPECT_FALSE(slots_.is_idle(1));
  }
  slots_.want(1, 11, true);
  EXPECT_FALSE(slots_.is_idle(1));
}

TEST_F(ShardSlotsTest, CountWhatIsFetchedAgain) {
  for (const uint64_t shard : {1, 2, 1, 1}) {
    slots_.count_fetch(shard);
  }
  EXPECT_EQ(slots_.stats().fetches, 4U);
  EXPECT_EQ(slots_.stats().refetches, 2U);
}

}  // namespace
}  // namespace headrace
