#include "engine/wanted_shards.h"

#include <algorithm>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "base/error.h"
#include "storage/eviction_order.h"
#include "testing/fake_shards.h"

namespace headrace {
namespace {

using Shards = std::set<uint64_t>;

constexpr WantedShards::Setting kFarAhead{.most_part = 1};  // beyond any share here

uint64_t later(uint64_t shard) { return kLaterPass + shard; }

// Shards 0, 1, ... one after another, `length` positions each.
std::vector<ShardUse> in_order(uint64_t shards, uint64_t length) {
  std::vector<ShardUse> uses;
  for (uint64_t i = 0; i < shards; ++i) {
    uses.push_back({.shard = i, .begin = i * length, .end = (i + 1) * length});
  }
  return uses;
}

TEST(WantedShards, WantsAsMuchAsTheShareAllowsInTheOrderOfUses) {
  NotedSupply supply(35);
  ListOfUses uses(in_order(10, 100));
  WantedShards wanted(supply, uses, later, kFarAhead);
  wanted.advance(0, 1);
  EXPECT_EQ(supply.wanted_shards(), (Shards{0, 1, 2}));
  EXPECT_EQ(supply.wanted[2], 200U);
}

TEST(WantedShards, LetsGoBehindAndSaysWhenTheShardComesAgain) {
  NotedSupply supply(35);
  ListOfUses uses(in_order(10, 100));
  WantedShards wanted(supply, uses, later, kFarAhead);
  wanted.advance(0, 1);
  wanted.advance(99, 150);
  EXPECT_TRUE(supply.released.empty()) << "a row of shard 0 may still be read";
  wanted.advance(100, 150);
  EXPECT_EQ(supply.wanted_shards(), (Shards{1, 2, 3}));
  EXPECT_EQ(supply.released, (std::vector<std::pair<uint64_t, uint64_t>>{{0, kLaterPass}}));
  EXPECT_EQ(supply.next_use[9], 900U) << "known before it is wanted";
}

TEST(WantedShards, AShardGivesBackWhatItWasCountedWith) {
  NotedSupply supply(35);
  ListOfUses uses(in_order(10, 100));
  WantedShards wanted(supply, uses, later, kFarAhead);
  wanted.advance(0, 1);
  supply.each = 12;  // that was made meanwhile, and is larger than was thought
  wanted.advance(100, 101);
  wanted.advance(200, 201);
  wanted.advance(300, 301);
  EXPECT_EQ(supply.wanted_shards(), (Shards{3, 4})) << "two of 12 bytes fit 35, with one of 10";
}

TEST(WantedShards, WhatIsDueIsWantedBeyondTheShare) {
  NotedSupply supply(15);
  ListOfUses uses({{0, 0, 50}, {1, 0, 50}, {2, 0, 50}, {3, 10, 60}, {4, 60, 70}});
  WantedShards wanted(supply, uses, later, kFarAhead);
  wanted.advance(0, 11);
  EXPECT_EQ(supply.wanted_shards(), (Shards{0, 1, 2, 3}));
}

TEST(WantedShards, IsNotFurtherAheadThanItIsTold) {
  NotedSupply supply(1000);
  ListOfUses uses(in_order(100, 100));
  WantedShards wanted(supply, uses, later, {.ahead_bytes = 30, .ahead_part = 50});
  wanted.advance(0, 1);
  EXPECT_EQ(supply.wanted_shards(), (Shards{0, 1, 2, 3}));
  wanted.advance(100, 250);
  EXPECT_EQ(supply.wanted_shards(), (Shards{1, 2, 3, 4, 5}));
}

TEST(WantedShards, IsAheadByAQuarterOfASmallShareAndAtLeastOneShard) {
  const auto wanted_at_first = [](uint64_t share) {
    NotedSupply supply(share);
    ListOfUses uses(in_order(100, 100));
    WantedShards wanted(supply, uses, later, {});
    wanted.advance(0, 1);
    return supply.wanted_shards();
  };
  EXPECT_EQ(wanted_at_first(160), (Shards{0, 1, 2, 3, 4}));
  EXPECT_EQ(wanted_at_first(25), (Shards{0, 1}));
}

TEST(WantedShards, AShardThatIsUsedAgainSoonStays) {
  NotedSupply supply(35);
  ListOfUses uses({{0, 0, 10}, {1, 10, 20}, {0, 20, 30}, {2, 30, 40}});
  WantedShards wanted(supply, uses, later, kFarAhead);
  wanted.advance(0, 1);
  wanted.advance(10, 11);
  EXPECT_EQ(supply.wanted_shards(), (Shards{0, 1, 2}));
  EXPECT_EQ(supply.wanted[0], 20U);
  wanted.advance(30, 31);
  EXPECT_EQ(supply.wanted_shards(), (Shards{2}));
  EXPECT_EQ(supply.calls, 3U);
}

TEST(WantedShards, AShardThatIsUsedAgainMuchLaterGoesUntilThen) {
  NotedSupply supply(25);
  ListOfUses uses({{0, 0, 10}, {1, 10, 20}, {2, 20, 30}, {3, 30, 40}, {0, 40, 50}});
  WantedShards wanted(supply, uses, later, kFarAhead);
  wanted.advance(0, 1);
  wanted.advance(10, 11);
  EXPECT_EQ(supply.released, (std::vector<std::pair<uint64_t, uint64_t>>{{0, 40}}));
  wanted.advance(30, 31);
  EXPECT_EQ(supply.wanted_shards(), (Shards{0, 3}));
}

TEST(WantedShards, UsesThatFollowEachOtherAreOne) {
  NotedSupply supply(15);
  ListOfUses uses({{0, 0, 10}, {0, 10, 20}, {0, 15, 30}, {1, 30, 40}});
  WantedShards wanted(supply, uses, later, kFarAhead);
  wanted.advance(0, 1);
  wanted.advance(29, 30);
  EXPECT_TRUE(supply.released.empty());
  wanted.advance(30, 31);
  EXPECT_EQ(supply.released.size(), 1U);
  EXPECT_EQ(supply.calls, 2U);
}

TEST(WantedShards, UsesThatWereOverBeforeTheyWereLookedAtAreLetGo) {
  NotedSupply supply(15);
  ListOfUses uses(in_order(5, 10));
  WantedShards wanted(supply, uses, later, kFarAhead);
  wanted.advance(0, 1);
  wanted.advance(40, 41);
  EXPECT_EQ(supply.wanted_shards(), (Shards{4}));
  EXPECT_EQ(supply.released.size(), 4U) << "readers that were faster may hold them";
}

TEST(WantedShards, ReleasesAllAtTheEnd) {
  NotedSupply supply(35);
  ListOfUses uses(in_order(10, 100));
  WantedShards wanted(supply, uses, later, kFarAhead);
  wanted.advance(0, 1);
  wanted.release_all();
  EXPECT_TRUE(supply.wanted.empty());
  EXPECT_EQ(supply.released.size(), 3U);
  EXPECT_EQ(supply.next_use[9], later(9)) << "this pass will not come to it";
}

// A supply whose calls fail now and then.
class FailingSupply : public NotedSupply {
 public:
  FailingSupply(uint64_t share, uint32_t seed) : NotedSupply(share), random_(seed) {}

  void want(uint64_t shard, uint64_t position) override {
    fail();
    NotedSupply::want(shard, position);
  }
  void release(uint64_t shard, uint64_t position) override {
    fail();
    NotedSupply::release(shard, position);
  }
  uint64_t share_bytes() const override {
    fail();
    return NotedSupply::share_bytes();
  }

 private:
  void fail() const {
    if (random_() % 3 == 0) {
      throw Error(ErrorCode::kIo, "not now");
    }
  }

  mutable std::mt19937 random_;
};

TEST(WantedShards, AsksAgainForWhatHasFailed) {
  std::vector<ShardUse> all = in_order(10, 100);
  for (uint64_t i = 0; i < 10; ++i) {
    all.push_back({.shard = i % 4, .begin = 1000 + 100 * i, .end = 1120 + 100 * i});
  }
  for (uint32_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    NotedSupply expected(45);
    FailingSupply failing(45, seed);
    ListOfUses uses(all);
    ListOfUses same_uses(all);
    WantedShards wanted(expected, uses, later, kFarAhead);
    WantedShards failed(failing, same_uses, later, kFarAhead);
    uint64_t failures = 0;
    for (uint64_t oldest = 0; oldest < 2200; oldest += 30) {
      wanted.advance(oldest, oldest + 50);
      for (bool done = false; !done;) {
        try {
          failed.advance(oldest, oldest + 50);
          done = true;
        } catch (const Error&) {
          ++failures;
        }
      }
      ASSERT_EQ(failing.wanted, expected.wanted) << oldest;
    }
    EXPECT_EQ(failing.released, expected.released);
    EXPECT_GT(failures, 0U);
  }
}

TEST(WantedShards, LetsGoAtTheEndOfWhatFailedHalfWay) {
  NotedSupply supply(35);
  ListOfUses uses(in_order(10, 100));
  WantedShards wanted(supply, uses, later, kFarAhead);
  supply.fails_behind = 1;
  EXPECT_THROW(wanted.advance(0, 1), Error);
  wanted.release_all();
  EXPECT_TRUE(supply.wanted.empty());
}

// Whatever the uses: what is due is wanted, nothing for good, and no more than the share but what
// is due.
TEST(WantedShards, KeepsItsPromisesForAnyUses) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    std::vector<ShardUse> all;
    uint64_t begin = 0;
    for (int i = 0; i < 100; ++i) {
      begin += random() % 5;
      all.push_back({random() % 15, begin, begin + 1 + random() % 20});
    }
    NotedSupply supply(10 * (1 + random() % 20));
    ListOfUses uses(all);
    WantedShards wanted(supply, uses, later,
                        {.ahead_bytes = 10 * (random() % 10),
                         .ahead_part = 1 + random() % 9,
                         .most_part = 1 + random() % 4});
    uint64_t oldest = 0;
    uint64_t due = 0;
    while (oldest < begin + 30) {
      oldest += random() % 4;
      due = std::max({due, oldest, oldest + random() % 8});
      const Shards before = supply.wanted_shards();
      wanted.advance(oldest, due);
      Shards needed;
      for (const ShardUse& use : all) {
        if (use.begin < due && use.end > oldest) {
          needed.insert(use.shard);
          ASSERT_TRUE(supply.wanted.contains(use.shard));
        }
      }
      for (const uint64_t shard : supply.wanted_shards()) {
        ASSERT_TRUE(before.contains(shard) || needed.contains(shard) ||
                    supply.wanted.size() <= supply.share / 10);
      }
    }
    EXPECT_TRUE(supply.wanted.empty());
    for (const auto& [shard, position] : supply.next_use) {
      EXPECT_EQ(position, later(shard));
    }
  }
}

}  // namespace
}  // namespace headrace
