#include "dataset/shard_store.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "testing/child_process.h"
#include "testing/errors.h"
#include "testing/numbered_shards.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

using Fault = Fetchers::Fault;

class ShardStoreTest : public testing::Test {
 protected:
  std::unique_ptr<ShardStore> make(uint64_t room) {
    return std::make_unique<ShardStore>(NumberedShards::dataset(), shards_.table(),
                                        shards_.options(dir_.path("cache"), room));
  }

  static void expect_content(const ShardStore& store, uint64_t shard) {
    const auto found = store.wait(shard, [] {});
    const auto bytes = NumberedShards::content(shard);
    ASSERT_EQ(found->map()->size(), bytes.size());
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), found->map()->data())) << shard;
  }

  // Reads all shards in order, `ahead` of them wanted, and says when each is used next.
  static void read_pass(const ShardStore& store, uint64_t ahead) {
    const auto pass = store.begin_pass(store.size());
    for (uint64_t i = 0; i < store.size() + ahead; ++i) {
      if (i < store.size()) {
        pass->want(i, i);
      }
      if (i >= ahead) {
        expect_content(store, i - ahead);
        pass->release(i - ahead, kLaterPass + i - ahead);
      }
    }
  }

  TempDir dir_;
  NumberedShards shards_{24};
};

TEST_F(ShardStoreTest, FetchesEachShardOnceInAPassWithRoomForItsWindow) {
  const auto store = make(4);
  const Fetchers fetchers(*store);
  read_pass(*store, 3);
  const ShardStoreStats stats = store->stats();
  EXPECT_EQ(stats.fetches, 24U);
  EXPECT_EQ(stats.refetches, 0U);
  EXPECT_EQ(stats.bytes, 24 * NumberedShards::kShardBytes);
  EXPECT_EQ(stats.held_bytes, 0U);
}

TEST_F(ShardStoreTest, FindsInTheNextPassWhatTheCacheHolds) {
  const auto store = make(24);
  const Fetchers fetchers(*store);
  read_pass(*store, 3);
  read_pass(*store, 3);
  EXPECT_EQ(store->stats().fetches, 24U);
  EXPECT_EQ(store->stats().hits, 24U);
}

// Of n shards read round and round with room for c, of which w are on their way, the optimum finds
// about (c - w) / (n - 1) of them; the longest unused first would find none.
TEST_F(ShardStoreTest, KeepsWhatTheNextPassUsesFirst) {
  const auto store = make(12);
  const Fetchers fetchers(*store, 1);
  for (uint64_t pass = 0; pass < 4; ++pass) {
    read_pass(*store, 1);
  }
  EXPECT_GE(store->stats().hits, 3 * 9U);
  EXPECT_EQ(store->stats().hits + store->stats().fetches, 4 * 24U);
}

TEST_F(ShardStoreTest, BadAnswersNeverBecomeRows) {
  const auto store = make(4);
  std::atomic<int> jobs{0};
  const Fetchers fetchers(*store, 3, [&](const FetchJob&) {
    const int n = jobs++;
    return n % 5 == 1    ? Fault::kFlip
           : n % 5 == 3  ? Fault::kShort
           : n % 11 == 0 ? Fault::kFail
                         : Fault::kNone;
  });
  for (uint64_t shard = 0; shard < 12; ++shard) {
    try {
      expect_content(*store, shard);
    } catch (const Error& error) {
      EXPECT_TRUE(error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kTruncated)
          << error.what();
    }
    store->begin_pass(1)->release(shard, kNoKnownUse);
  }
  EXPECT_GT(store->stats().retries, 0U);
}

TEST_F(ShardStoreTest, AllWaitersHaveTheErrorOfAShardThatIsGone) {
  const auto store = make(4);
  std::atomic<int> found{0};
  std::vector<std::thread> waiters;
  for (int i = 0; i < 4; ++i) {
    waiters.emplace_back([&] {
      try {
        store->wait(3, [] {});
      } catch (const Error& error) {
        found += error.code() == ErrorCode::kNotFound ? 1 : 0;
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const Fetchers fetchers(*store, 1, [](const FetchJob&) { return Fault::kGone; });
  for (std::thread& waiter : waiters) {
    waiter.join();
  }
  EXPECT_EQ(found, 4);
}

TEST_F(ShardStoreTest, CloseEndsWaits) {
  const auto store = make(4);
  const auto pass = store->begin_pass(10);
  std::thread closer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    store->close();
  });
  expect_error(ErrorCode::kCancelled, {"closed"}, [&] { store->wait(1, [] {}); });
  closer.join();
  expect_error(ErrorCode::kCancelled, {"closed"}, [&] { pass->want(1, 1); });
}

TEST_F(ShardStoreTest, WhoWaitsForAJobDoesNotKeepItAlive) {
  auto store = make(4);
  const std::shared_ptr<FetchQueue> jobs = store->jobs();
  std::thread owner([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    store.reset();
  });
  const auto since = std::chrono::steady_clock::now();
  expect_error(ErrorCode::kCancelled, {"closed"}, [&] { jobs->take(std::chrono::minutes(1)); });
  EXPECT_LT(std::chrono::steady_clock::now() - since, std::chrono::seconds(10));
  owner.join();
}

TEST_F(ShardStoreTest, AChildHasItsOwn) {
  const auto store = make(4);
  const auto pass = store->begin_pass(10);
  pass->want(1, 1);
  const auto job = store->jobs()->take(std::chrono::milliseconds(0));
  ChildProcess child([&] {
    // Its parent fetches shard 1; it fetches 2 for itself, and 1 comes when the parent has it.
    const Fetchers fetchers(*store, 1);
    expect_content(*store, 2);
    store->let_go(2);
    expect_content(*store, 1);
    return store->stats().fetches == 1 && !HasFailure() ? 0 : 1;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  Fetchers::fetch(*job, Fault::kNone);
  const Fetchers fetchers(*store, 1);
  expect_content(*store, 1);
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(store->stats().fetches, 1U);
}

TEST_F(ShardStoreTest, WhoHasTheTurnGetsTheRoomOfWhatOthersDoNotRead) {
  const auto one = make(4);
  const auto other = make(4);
  const Fetchers fetchers(*one);
  const Fetchers others(*other);
  std::atomic<int> given_up = 0;
  one->when_called([&] { ++given_up; });
  const auto pass = one->begin_pass(100);
  for (const uint64_t shard : {1, 2, 3, 4}) {
    pass->want(shard, shard);
  }
  expect_content(*one, 1);
  const auto turn = other->take_turn();
  ASSERT_NE(turn, nullptr);
  EXPECT_EQ(one->take_turn(), nullptr);
  EXPECT_EQ(one->cache(), other->cache());
  std::vector<std::shared_ptr<const CachedShard>> held;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  const auto poll = [&] {
    if (std::chrono::steady_clock::now() > until) {
      throw std::runtime_error("it still waits");
    }
  };
  for (const uint64_t shard : {5, 6, 7, 8}) {
    held.push_back(other->wait(shard, poll, [] { return true; }));
  }
  EXPECT_GT(given_up, 0);
  held.clear();
  for (const uint64_t shard : {5, 6, 7, 8}) {
    other->let_go(shard);
  }
  for (const uint64_t shard : {1, 2, 3, 4}) {
    expect_content(*one, shard);
  }
}

TEST_F(ShardStoreTest, IsOpenedAtItsFirstUse) {
  dir_.fill("cache", 3);
  const auto store = make(4);
  expect_error(ErrorCode::kInvalid, {"not a directory"}, [&] { store->open(); });
  std::filesystem::remove(dir_.path("cache"));
  store->open();
  EXPECT_EQ(store->share_bytes(), 4 * NumberedShards::kCharge);
  EXPECT_EQ(store->share_bytes(2), 2 * NumberedShards::kCharge) << "one more is expected";
}

}  // namespace
}  // namespace headrace
