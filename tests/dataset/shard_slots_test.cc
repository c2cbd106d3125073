#include "dataset/shard_slots.h"

#include <chrono>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "testing/cache_shards.h"
#include "testing/lock_watch.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

class ShardSlotsTest : public testing::Test {
 protected:
  using GiveBack = ShardSlots::GiveBack;

  static constexpr uint64_t kPass = 1;

  static uint64_t soon(uint64_t /*shard*/, const ShardSlots::Slot& /*slot*/) { return 2; }

  // Wants a shard, which is there then and counts kCachedCharge.
  void want_ready(uint64_t shard, uint64_t position, uint64_t pass = kPass) {
    slots_.want(shard, {.pass = pass, .position = position});
    slots_.pin(shard, cache_->pin(cache_key(shard)), kCachedCharge);
    slots_.settle(shard, put_shard(*cache_, shard), kCachedCharge, false);
  }

  TempDir dir_;
  std::shared_ptr<ShardCache> cache_ = open_cache(dir_.path("cache"), 8);
  ShardSlots slots_{8};
};

TEST_F(ShardSlotsTest, AreWantedUntilTheyAreTaken) {
  EXPECT_EQ(slots_.find(1), std::nullopt);
  EXPECT_FALSE(slots_.want(1, {.pass = kPass, .position = 10}));
  EXPECT_EQ(slots_.find(1), std::shared_ptr<const CachedShard>());
  want_ready(1, 11);
  EXPECT_NE(slots_.ready(1), nullptr);
  EXPECT_TRUE(slots_.want(1, {.position = 12}));
  EXPECT_EQ(slots_.stats().held_bytes, kCachedCharge);
  const ShardSlots::Slot taken = slots_.take(1);
  EXPECT_EQ(taken.position, 12U);
  EXPECT_EQ(taken.wants.size(), 1U);
  EXPECT_NE(taken.ready, nullptr);
  EXPECT_EQ(slots_.find(1), std::nullopt);
  EXPECT_EQ(slots_.stats().held_bytes, 0U);
  EXPECT_EQ(slots_.take(1).generation, 0U);
}

TEST_F(ShardSlotsTest, CountWhatIsPinned) {
  const auto pin = cache_->pin(cache_key(1));
  EXPECT_EQ(slots_.pin(1, pin, 100), nullptr) << "nobody wants it";
  slots_.want(1, {.pass = kPass, .position = 10});
  slots_.want(2, {.pass = kPass, .position = 10});
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
  EXPECT_EQ(slots_.give_back(30, GiveBack::kLast, soon), std::nullopt) << "all are used before";
  const auto given = slots_.give_back(5, GiveBack::kLast, soon);
  ASSERT_TRUE(given.has_value());
  EXPECT_EQ(given->shard, 2U);
  EXPECT_EQ(given->position, 2U);
  EXPECT_EQ(slots_.find(2), std::shared_ptr<const CachedShard>()) << "it is wanted again";
  EXPECT_EQ(slots_.stats().held_bytes, 2 * kCachedCharge);
  EXPECT_EQ(slots_.give_back(25, GiveBack::kAny, soon)->shard, 3U) << "any: the last that there is";
}

TEST_F(ShardSlotsTest, GiveNothingBackForOneOnItsWayThatIsUsedLater) {
  want_ready(1, 10);
  slots_.want(2, {.pass = kPass, .position = 20});
  EXPECT_TRUE(slots_.pin(2, cache_->pin(cache_key(2)), kCachedCharge));
  want_ready(3, 30);
  EXPECT_EQ(slots_.give_back(5, GiveBack::kLast, soon)->shard, 3U);
  EXPECT_EQ(slots_.give_back(5, GiveBack::kLast, soon), std::nullopt) << "2 goes first";
  EXPECT_EQ(slots_.give_back(5, GiveBack::kReady, soon)->shard, 1U);
  want_ready(1, 10);
  slots_.unpin(2);
  EXPECT_EQ(slots_.give_back(5, GiveBack::kLast, soon)->shard, 1U) << "2 is only wanted";
}

TEST_F(ShardSlotsTest, GiveNothingBackThatIsHeldOrWaitedFor) {
  want_ready(1, 10);
  want_ready(2, 20);
  EXPECT_TRUE(slots_.begin_wait(2));
  {
    const auto held = slots_.ready(1);
    EXPECT_EQ(slots_.give_back(0, GiveBack::kAny, soon), std::nullopt);
  }
  EXPECT_EQ(slots_.give_back(0, GiveBack::kAny, soon)->shard, 1U);
  slots_.end_wait(2, std::chrono::nanoseconds(5));
  EXPECT_EQ(slots_.give_back(0, GiveBack::kLast, soon)->shard, 2U);
  EXPECT_EQ(slots_.stats().waits, 1U);
  EXPECT_EQ(slots_.stats().waited.count(), 5);
}

TEST_F(ShardSlotsTest, AreIdleWhenNobodyKeepsHoldsOrAwaitsThem) {
  EXPECT_EQ(slots_.take_if_idle(1).generation, 0U);
  want_ready(1, 10, ShardSlots::kNoPass);
  EXPECT_FALSE(slots_.begin_wait(1));
  EXPECT_EQ(slots_.take_if_idle(1).generation, 0U);
  EXPECT_EQ(slots_.take_if_unwanted(1).generation, 0U);
  slots_.end_wait(1, {});
  {
    const auto held = slots_.ready(1);
    EXPECT_EQ(slots_.take_if_idle(1).generation, 0U);
  }
  slots_.want(1, {.pass = kPass, .position = 11});
  EXPECT_EQ(slots_.take_if_idle(1).generation, 0U);
  EXPECT_EQ(slots_.take_if_unwanted(1).generation, 0U);
  EXPECT_TRUE(slots_.release(1, kPass));
  EXPECT_NE(slots_.take_if_idle(1).generation, 0U);
  want_ready(1, 10, ShardSlots::kNoPass);
  const auto held = slots_.ready(1);
  EXPECT_NE(slots_.take_if_unwanted(1).generation, 0U);
}

TEST_F(ShardSlotsTest, AreKeptUntilTheLastPassReleasesThem) {
  slots_.want(1, {.pass = 1, .position = 30});
  slots_.want(1, {.pass = 2, .position = 20});
  slots_.want(2, {.pass = 2, .position = 5});
  EXPECT_EQ(slots_.place(1)->position, 20U) << "that of the first";
  EXPECT_EQ(slots_.wanted_by(2), (std::vector<uint64_t>{1, 2}));
  EXPECT_FALSE(slots_.release(1, 2));
  EXPECT_FALSE(slots_.release(1, 3)) << "a pass that did not want it changes nothing";
  EXPECT_EQ(slots_.place(1)->position, 30U);
  EXPECT_EQ(slots_.take_if_unwanted(1).generation, 0U);
  EXPECT_TRUE(slots_.release(1, 1));
  EXPECT_EQ(slots_.take_if_unwanted(1).position, 30U);
  EXPECT_EQ(slots_.wanted_by(2), (std::vector<uint64_t>{2}));
}

TEST_F(ShardSlotsTest, StandInFrontWhileSomebodyWaitsForThem) {
  slots_.want(1, {.pass = 1, .position = 30});
  EXPECT_TRUE(slots_.begin_wait(1));
  slots_.want(1, {.position = 1});
  slots_.want(1, {.pass = 2, .position = 20});
  EXPECT_FALSE(slots_.release(1, 2));
  EXPECT_EQ(slots_.place(1)->position, 1U);
  slots_.want(1, {.position = 0});
  slots_.want(1, {.position = 1});
  EXPECT_EQ(slots_.place(1)->position, 0U) << "one of those that wait goes before all others";
  slots_.end_wait(1, {});
  slots_.want(1, {.pass = 1, .position = 25});
  EXPECT_EQ(slots_.place(1)->position, 25U);
}

TEST_F(ShardSlotsTest, OfAnotherGenerationAreLeftAlone) {
  slots_.want(1, {.position = 5});
  const uint64_t first = slots_.take(1).generation;
  slots_.want(1, {.position = 6});
  const auto fail = [](ShardSlots::Slot& /*slot*/) { FAIL(); };
  EXPECT_FALSE(slots_.change(1, first, fail));
  const uint64_t second = slots_.place(1)->generation;
  EXPECT_GT(second, first);
  EXPECT_TRUE(slots_.change(1, second, [](ShardSlots::Slot& slot) { slot.check_failed = true; }));
}

TEST_F(ShardSlotsTest, ShareWhatTheyHaveAsAMember) {
  EXPECT_EQ(slots_.member(), nullptr);
  auto member = cache_->join();
  slots_.want(1, {.position = 5}, member);
  EXPECT_EQ(slots_.member(), member);
  slots_.want(1, {.position = 6}, cache_->join());
  EXPECT_EQ(slots_.member(), member) << "it has one";
  slots_.take(1);
  member.reset();
  EXPECT_EQ(slots_.member(), nullptr) << "none is kept for nobody";
}

TEST_F(ShardSlotsTest, DropPinsAndCallsWithoutTheLock) {
  LockWatch watch([this] { slots_.stats(); });
  slots_.want(1, {.pass = kPass, .position = 10});
  slots_.pin(1, watch.watch(cache_->pin(cache_key(1))), 100);
  slots_.unpin(1);
  EXPECT_EQ(watch.dropped(), 1);
  slots_.begin_wait(1);
  slots_.change(1, slots_.place(1)->generation, [&](ShardSlots::Slot& slot) {
    slot.call = watch.watch(std::shared_ptr<const RoomCall>(cache_->turns().call()));
  });
  slots_.end_wait(1, {});
  EXPECT_EQ(watch.dropped(), 2);
  EXPECT_EQ(watch.dropped_locked(), 0);
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
