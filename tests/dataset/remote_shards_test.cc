#include "dataset/remote_shards.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "testing/child_process.h"
#include "testing/errors.h"
#include "testing/sanitizers.h"
#include "testing/shard_reading.h"
#include "testing/stored_dataset.h"

namespace headrace {
namespace {

class RemoteShardsTest : public testing::Test {
 protected:
  static std::shared_ptr<const HeldShard> get(const RemoteShards& shards, uint64_t shard) {
    return shards.hold(shard, [] {});
  }

  StoredDataset stored_{columns_of_each_kind(75), {15, 15, 15, 15, 15}};
};

TEST_F(RemoteShardsTest, AShardComesWhenItIsLookedFor) {
  const auto shards = stored_.open(5);
  EXPECT_EQ(shards->find(2), nullptr);
  EXPECT_NE(shards->store().describe(2), "") << "it is on its way";
  const Fetchers fetchers(shards->store(), 1, Fetchers::no_fault, stored_.content());
  shards->fetch(2, [] {});
  const auto held = shards->find(2);
  ASSERT_NE(held, nullptr);
  EXPECT_EQ(held->file().layout.rows, 15U);
  EXPECT_EQ(held->batch(1, 8, 7).columns[0].rows,
            held->file().map->data() + held->file().layout.batches[1].columns[0].values.offset);
  expect_error(ErrorCode::kCorrupt, {"record batches"}, [&] { held->batch(1, 8, 8); });
}

TEST_F(RemoteShardsTest, IsNamedByItsUrl) {
  const auto shards = stored_.open(1);
  EXPECT_EQ(shards->path(3), "s3://bucket/data/shards/" + shards->id(3) + ".arrow");
  EXPECT_EQ(shards->expected(3).xxh3, shards->table().stored_xxh3[3]);
}

TEST_F(RemoteShardsTest, AShardIsOpenOnceWhileAnybodyHoldsIt) {
  const ServedDataset served(stored_, 5);
  const auto first = get(*served.shards(), 1);
  EXPECT_EQ(get(*served.shards(), 1), first);
}

TEST_F(RemoteShardsTest, WhatThreadsOpenAtTheSameTimeIsOneShard) {
  const ServedDataset served(stored_, 5);
  for (int round = 0; round < 300; ++round) {
    served.store().wait(1, [] {});
    std::array<std::shared_ptr<const HeldShard>, 4> held;
    std::barrier start(4);
    std::vector<std::thread> threads;
    for (auto& mine : held) {
      threads.emplace_back([&] {
        start.arrive_and_wait();
        mine = get(*served.shards(), 1);
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    served.shards()->retire(*served.store().begin_pass(1), 1, kNoKnownUse);
    for (const auto& mine : held) {
      EXPECT_TRUE(mine->retired());
    }
    served.shards()->drop_recent();
  }
}

TEST_F(RemoteShardsTest, TheLastStayOpenForWhoReadsRowByRow) {
  const ServedDataset served(stored_, 16);
  bool kept = false;
  for (int attempt = 0; attempt < 50 && !kept; ++attempt) {  // a wait of 40 ms lets them go
    const std::weak_ptr<const HeldShard> first = get(*served.shards(), 0);
    for (uint64_t shard = 1; shard < 4; ++shard) {
      get(*served.shards(), shard);
    }
    kept = first.lock() != nullptr;
  }
  EXPECT_TRUE(kept);
  EXPECT_EQ(served.store().stats().fetches, 4U);
  get(*served.shards(), 4);  // the fifth
  EXPECT_LE(served.store().stats().held_bytes, 4 * stored_.charge());
}

TEST_F(RemoteShardsTest, OfASmallCacheNothingIsKept) {
  const ServedDataset served(stored_, 2);
  get(*served.shards(), 0);
  EXPECT_EQ(served.store().stats().held_bytes, 0U);
  const auto held = get(*served.shards(), 1);
  EXPECT_EQ(served.store().stats().held_bytes, served.store().charge(1));
}

TEST_F(RemoteShardsTest, WhoWaitsGetsTheRoomOfWhatNobodyReads) {
  // A cache of five, of which the last ones may have a quarter: one. Another process' work, or
  // other shards that are held, may leave no room but that.
  const ServedDataset served(stored_, 5);
  get(*served.shards(), 0);
  std::vector<std::shared_ptr<const HeldShard>> held;
  for (uint64_t shard = 1; shard < 5; ++shard) {
    held.push_back(get(*served.shards(), shard));
  }
  EXPECT_LE(served.store().stats().held_bytes, 5 * stored_.charge());
  EXPECT_EQ(get(*served.shards(), 0)->file().layout.rows, 15U);
}

TEST_F(RemoteShardsTest, RetiredShardsAreFoundAnewByWhoComesLater) {
  const ServedDataset served(stored_, 16);
  const auto held = get(*served.shards(), 0);
  EXPECT_FALSE(held->retired());
  served.shards()->retire(*served.store().begin_pass(1), 0, kNoKnownUse);
  EXPECT_TRUE(held->retired());
  EXPECT_TRUE(held->batch(0, 0, 8).retired->load());
  EXPECT_EQ(served.store().stats().held_bytes, 0U);
  const auto again = get(*served.shards(), 0);
  EXPECT_NE(again, held);
  EXPECT_FALSE(again->retired());
  EXPECT_EQ(served.store().stats().fetches, 1U) << "it is in the cache";
  EXPECT_EQ(held->file().layout.rows, 15U) << "and who holds the old one may read on";
}

TEST_F(RemoteShardsTest, WhatWasWantedStaysUntilItIsReleased) {
  const ServedDataset served(stored_, 2);
  const auto pass = served.store().begin_pass(10);
  pass->want(3, 7);
  get(*served.shards(), 3);
  EXPECT_EQ(served.store().stats().held_bytes, served.store().charge(3));
  served.shards()->abandon(3);
  EXPECT_EQ(served.store().stats().held_bytes, served.store().charge(3));
  served.shards()->retire(*pass, 3, kNoKnownUse);
  EXPECT_EQ(served.store().stats().held_bytes, 0U);
}

TEST_F(RemoteShardsTest, WhatAnotherPassWantsIsNotRetired) {
  const ServedDataset served(stored_, 2);
  const auto training = served.store().begin_pass(75);
  const auto validation = served.store().begin_pass(30);
  training->want(3, 7);
  validation->want(3, 5);
  const auto held = get(*served.shards(), 3);
  served.shards()->retire(*validation, 3, kLaterPass);
  EXPECT_FALSE(held->retired());
  EXPECT_EQ(get(*served.shards(), 3), held);
  EXPECT_EQ(served.store().stats().held_bytes, served.store().charge(3));
  served.shards()->retire(*training, 3, kLaterPass);
  EXPECT_TRUE(held->retired());
  EXPECT_EQ(served.store().stats().held_bytes, 0U);
}

TEST_F(RemoteShardsTest, WakesOncePerProcess) {
  const auto shards = stored_.open(1);
  std::atomic<int> woken{0};
  shards->set_waker([&] { ++woken; });
  shards->wake();
  shards->wake();
  EXPECT_EQ(woken, 1);
  ChildProcess child([&] {
    shards->wake();
    shards->wake();
    return woken == 2 ? 0 : 1;
  });
  EXPECT_EQ(child.wait(), 0);
}

TEST_F(RemoteShardsTest, AChildOpensItsOwn) {
  if (kThreadSanitizer) {
    GTEST_SKIP() << "ThreadSanitizer has no threads in children of processes that have them";
  }
  const ServedDataset served(stored_, 5);
  const auto held = get(*served.shards(), 1);
  ChildProcess child([&] {
    const Fetchers fetchers(served.store(), 1, Fetchers::no_fault, stored_.content());
    const auto own = get(*served.shards(), 1);
    const bool same = own == held;
    const auto other = get(*served.shards(), 2);
    return !same && own->file().layout.rows == 15 && other->file().layout.rows == 15 ? 0 : 1;
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(get(*served.shards(), 1), held);
}

TEST_F(RemoteShardsTest, TheirEndClosesTheStoreThatAThreadStillHas) {
  auto shards = stored_.open(5);
  const std::shared_ptr<const ShardStore> store = shards->shared_store();
  const auto pass = store->begin_pass(10);
  shards.reset();
  expect_error(ErrorCode::kCancelled, {"closed"}, [&] { pass->want(1, 1); });
}

TEST_F(RemoteShardsTest, AChildThatDropsThemLeavesItsParents) {
  auto shards = stored_.open(5);
  EXPECT_EQ(shards->find(2), nullptr);
  ChildProcess child([&] {
    shards.reset();
    return 0;
  });
  EXPECT_EQ(child.wait(), 0);
  const Fetchers fetchers(shards->store(), 1, Fetchers::no_fault, stored_.content());
  EXPECT_EQ(get(*shards, 2)->file().layout.rows, 15U);
}

TEST_F(RemoteShardsTest, ALongWaitIsToldOnce) {
  const auto shards = open_remote_shards(stored_.paths(), 0, StoredDataset::kUrl,
                                         {.cache_directory = stored_.default_cache(),
                                          .cache_bytes = 5 * stored_.charge(),
                                          .tell_after = std::chrono::milliseconds(60)});
  testing::internal::CaptureStderr();
  int polls = 0;
  EXPECT_THROW(shards->fetch(3,
                             [&] {
                               if (++polls == 6) {
                                 throw std::runtime_error("that is enough");
                               }
                             }),
               std::runtime_error);
  const std::string told = testing::internal::GetCapturedStderr();
  EXPECT_EQ(told.rfind("headrace: has waited 0 s for " + shards->path(3) + ": ", 0), 0U) << told;
  EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 1);
}

TEST_F(RemoteShardsTest, HasCountedNothingBeforeItIsUsed) {
  EXPECT_EQ(stored_.open(5)->store().stats().hits, 0U);
  EXPECT_FALSE(std::filesystem::exists(stored_.default_cache()));
}

TEST_F(RemoteShardsTest, MayEndBeforeWhatIsHeld) {
  std::shared_ptr<const HeldShard> held;
  {
    const ServedDataset served(stored_, 5);
    held = get(*served.shards(), 1);
  }
  EXPECT_EQ(held->file().layout.batches.size(), 2U);
}

TEST_F(RemoteShardsTest, ManyThreadsHoldAndDropInASmallCache) {
  const ServedDataset served(stored_, 2);
  std::atomic<uint64_t> rows{0};
  std::vector<std::thread> threads;
  for (uint64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (uint64_t i = 0; i < 25; ++i) {
        rows += get(*served.shards(), (i * (thread + 1)) % 5)->file().layout.rows;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(rows, 4 * 25 * 15U);
  EXPECT_EQ(served.store().stats().held_bytes, 0U);
}

}  // namespace
}  // namespace headrace
