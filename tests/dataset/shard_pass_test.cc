#include "dataset/shard_pass.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/shard_store.h"
#include "testing/child_process.h"
#include "testing/errors.h"
#include "testing/numbered_shards.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

using std::chrono::milliseconds;

class ShardPassTest : public testing::Test {
 protected:
  std::unique_ptr<ShardStore> make(uint64_t room) {
    return std::make_unique<ShardStore>(NumberedShards::dataset(), shards_.table(),
                                        shards_.options(dir_.path("cache"), room));
  }

  // Fetches all that there is room for; returns which shards, in the order they were begun.
  static std::vector<uint64_t> fetch_all(const ShardStore& store) {
    std::vector<uint64_t> fetched;
    while (const auto job = store.jobs()->take(milliseconds(0))) {
      if (job->offset() == 0) {
        fetched.push_back(job->request().id);
      }
      Fetchers::fetch(*job, Fetchers::Fault::kNone);
    }
    return fetched;
  }

  // What a pass reads, one after another, some of it wanted ahead.
  struct Reading {
    std::unique_ptr<ShardPass> pass;
    std::vector<uint64_t> order;
    uint64_t rows = 0;  // of a shard, as positions go
    uint64_t at = 0;
    uint64_t wanted = 0;

    bool done() const { return at == order.size(); }

    void step(const ShardStore& store) {
      for (; wanted < std::min<uint64_t>(order.size(), at + 3); ++wanted) {
        pass->want(order[wanted], wanted * rows);
      }
      fetch_all(store);
      store.wait(order[at], [] { FAIL() << "it was wanted ahead"; });
      pass->release(order[at], kLaterPass + at * rows);
      ++at;
      pass->advance(at * rows);
    }
  };

  static std::vector<uint64_t> some(uint64_t first, uint64_t count, uint64_t step) {
    std::vector<uint64_t> order;
    for (uint64_t i = 0; i < count; ++i) {
      order.push_back((first + i * step) % kShards);
    }
    return order;
  }

  static constexpr uint64_t kShards = 20;

  TempDir dir_;
  NumberedShards shards_{kShards};
};

TEST_F(ShardPassTest, TwoAtTheSameTimeFetchEachShardOnceAndDoNotWait) {
  const auto store = make(kShards);
  for (uint64_t epoch = 0; epoch < 3; ++epoch) {
    Reading training{store->begin_pass(20'000), some(epoch, kShards, 7), 1000};
    std::unique_ptr<Reading> validation;
    while (!training.done()) {
      training.step(*store);
      if (training.at % 6 == 3) {  // another one while that goes on
        validation = std::make_unique<Reading>(store->begin_pass(500), some(4, 5, 3), 100);
      }
      if (validation != nullptr && !validation->done()) {
        validation->step(*store);
      }
    }
  }
  EXPECT_EQ(store->stats().fetches, kShards);
  EXPECT_EQ(store->stats().waits, 0U);
  EXPECT_EQ(store->stats().held_bytes, 0U);
}

TEST_F(ShardPassTest, LeavesWhatAnotherOneWants) {
  const auto store = make(3);
  const auto training = store->begin_pass(100);
  const auto validation = store->begin_pass(10);
  training->want(1, 5);
  validation->want(1, 2);
  const auto job = store->jobs()->take(milliseconds(0));
  validation->release(1, kLaterPass, [] { FAIL() << "the other one reads it"; });
  const auto content = NumberedShards::content(1);
  job->write(0, std::span(content).first(job->bytes()));
  job->done("");
  fetch_all(*store);
  EXPECT_EQ(store->stats().held_bytes, NumberedShards::kCharge);
  EXPECT_EQ(store->stats().fetches, 1U);
  int retired = 0;
  training->release(1, kLaterPass, [&] { ++retired; });
  EXPECT_EQ(retired, 1);
  EXPECT_EQ(store->stats().held_bytes, 0U);
}

TEST_F(ShardPassTest, ShardsComeInTheOrderOfTheUsesOfAll) {
  const auto store = make(kShards);
  const auto training = store->begin_pass(1'000'000);
  training->advance(500'000);
  const auto validation = store->begin_pass(100);
  training->want(1, 500'010);
  training->want(2, 500'030);
  validation->want(3, 20);
  validation->want(2, 40);
  training->want(4, 500'050);
  validation->want(4, 5);
  validation->release(4, kLaterPass);
  EXPECT_EQ(fetch_all(*store), (std::vector<uint64_t>{1, 3, 2, 4}));
}

TEST_F(ShardPassTest, WhatAnotherOneUsesSoonIsEvictedLast) {
  const auto store = make(3);
  const auto training = store->begin_pass(900'000);
  training->advance(450'000);
  for (const uint64_t shard : {1, 2, 3}) {
    training->want(shard, 450'000);
  }
  EXPECT_EQ(fetch_all(*store).size(), 3U);
  training->release(1, 450'050);  // again in this pass
  training->release(2, kLaterPass);
  training->release(3, 890'000);
  {
    const auto validation = store->begin_pass(100);
    validation->want(4, 20);
    EXPECT_EQ(fetch_all(*store), (std::vector<uint64_t>{4})) << "in the place of 2";
    validation->want(5, 30);
    EXPECT_EQ(fetch_all(*store), (std::vector<uint64_t>{5})) << "in that of 3";
    validation->want(6, 80);
    validation->release(4, kLaterPass);
    EXPECT_EQ(fetch_all(*store), (std::vector<uint64_t>{6})) << "in that of 4";
  }
  training->want(1, 450'050);
  EXPECT_TRUE(fetch_all(*store).empty()) << "it stayed";
  training->want(3, 890'000);
  EXPECT_EQ(fetch_all(*store), (std::vector<uint64_t>{3}));
}

TEST_F(ShardPassTest, WhatAPassBeforeHasUsedIsEvictedBeforeWhatThisOneUses) {
  const auto store = make(2);
  {
    const auto validation = store->begin_pass(10);
    validation->want(1, 0);
    fetch_all(*store);
    validation->release(1, kLaterPass + 9);
  }
  const auto training = store->begin_pass(100);
  training->want(2, 50);
  fetch_all(*store);
  training->release(2, 99);
  training->want(3, 60);
  fetch_all(*store);
  training->want(2, 99);
  EXPECT_TRUE(fetch_all(*store).empty()) << "2 stayed, and 1 has gone";
}

TEST_F(ShardPassTest, WhatItHasNotWantedAndNeedsNoMoreGoesFirst) {
  const auto store = make(3);
  const auto pass = store->begin_pass(100);
  pass->set_next_use(1, 50);
  EXPECT_EQ(store->find(1), nullptr);
  fetch_all(*store);
  store->let_go(1);
  pass->want(2, 20);
  pass->want(3, 30);
  fetch_all(*store);
  pass->release(2, 60);
  pass->release(1, kLaterPass);
  pass->want(4, 40);
  EXPECT_EQ(fetch_all(*store), (std::vector<uint64_t>{4}));
  pass->want(2, 60);
  EXPECT_TRUE(fetch_all(*store).empty()) << "1 has gone, and 2 stayed";
}

TEST_F(ShardPassTest, AtItsEndReleasesWhatItWants) {
  const auto store = make(3);
  const auto training = store->begin_pass(10);
  training->want(2, 1);
  {
    const auto validation = store->begin_pass(10);
    validation->want(1, 1);
    validation->want(2, 2);
    fetch_all(*store);
    EXPECT_EQ(store->stats().held_bytes, 2 * NumberedShards::kCharge);
  }
  EXPECT_EQ(store->stats().held_bytes, NumberedShards::kCharge) << "the other one has 2";
}

TEST_F(ShardPassTest, RefusesShardsAndPositionsThatAreNone) {
  const auto store = make(3);
  const auto pass = store->begin_pass(10);
  expect_error(ErrorCode::kInvalid, {"no shard 20"}, [&] { pass->want(20, 0); });
  expect_error(ErrorCode::kInvalid, {"no shard 20"}, [&] { pass->release(20, 0); });
  expect_error(ErrorCode::kInvalid, {"no shard 20"}, [&] { pass->set_next_use(20, 0); });
  expect_error(ErrorCode::kInvalid, {"2^62"}, [&] { pass->want(1, kLaterPass); });
}

TEST_F(ShardPassTest, IsNothingToAChild) {
  const auto store = make(3);
  auto pass = store->begin_pass(10);
  pass->want(1, 1);
  ChildProcess child([&] {
    pass->want(2, 1);
    pass->release(1, kNoKnownUse);
    pass.reset();
    const auto own = store->begin_pass(10);
    own->want(3, 1);
    return store->describe(1).empty() && store->describe(2).empty() && !store->describe(3).empty()
               ? 0
               : 1;
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_NE(store->describe(1), "");
}

// Somebody who reads without an order wants the shard and lets it go, as fast as he can.
TEST_F(ShardPassTest, WhatItWantsIsNotLostWhenOthersLetItGo) {
  const auto store = make(3);
  const auto pass = store->begin_pass(10);
  std::atomic<bool> over{false};
  std::thread reader([&] {
    while (!over) {
      store->ask(1);
      store->let_go(1);
    }
  });
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  uint64_t lost = 0;
  while (std::chrono::steady_clock::now() < until) {
    pass->want(1, 5);
    std::this_thread::sleep_for(std::chrono::microseconds(20));
    lost += store->describe(1).empty() ? 1 : 0;
    pass->release(1, kNoKnownUse);
  }
  over = true;
  reader.join();
  EXPECT_EQ(lost, 0U);
}

}  // namespace
}  // namespace headrace
