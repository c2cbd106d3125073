#include "storage/eviction_order.h"

#include <algorithm>
#include <map>
#include <random>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

namespace headrace {
namespace {

constexpr int64_t kNow = int64_t{1'800'000'000} * 1'000'000'000;

CacheKey key(uint64_t number) { return {.xxh3 = number}; }

// What this process knows.
struct Knowledge {
  std::map<uint64_t, uint64_t> next;
  NextUse look() {
    return [this](const CacheKey& key) {
      const auto found = next.find(key.xxh3);
      return found == next.end() ? kNoKnownUse : found->second;
    };
  }
};

std::vector<uint64_t> take_all(EvictionOrder& order, uint64_t position) {
  std::vector<uint64_t> taken;
  while (const auto shard = order.take(position)) {
    taken.push_back(shard->key.xxh3);
  }
  return taken;
}

TEST(EvictionOrder, IsDeadThenLaterThenUnknownThenFarthest) {
  Knowledge knowledge{.next = {{1, 100}, {2, 300}, {3, kLaterPass + 5}, {4, kLaterPass + 9}}};
  EvictionOrder order(knowledge.look());
  for (uint64_t own = 1; own <= 4; ++own) {
    order.add({.key = key(own), .modified_ns = kNow});
  }
  order.add({.key = key(5), .modified_ns = kNow});
  order.add({.key = key(6), .modified_ns = kNow - 1});
  order.add({.key = key(7), .modified_ns = dead_since(kNow)});
  order.add({.key = key(8), .modified_ns = dead_since(kNow - 1)});
  EXPECT_EQ(take_all(order, 0), (std::vector<uint64_t>{8, 7, 4, 3, 6, 5, 2, 1}));
}

TEST(EvictionOrder, TakesNothingThatIsUsedBeforeWhatNeedsTheRoom) {
  Knowledge knowledge{.next = {{1, 100}, {2, 200}, {3, 300}}};
  EvictionOrder order(knowledge.look());
  for (uint64_t own = 1; own <= 3; ++own) {
    order.add({.key = key(own), .modified_ns = kNow});
  }
  EXPECT_EQ(take_all(order, 200), (std::vector<uint64_t>{3}));
  EXPECT_EQ(take_all(order, 199), (std::vector<uint64_t>{2}));
}

TEST(EvictionOrder, KeepsWhatALaterPassUsesFirst) {
  Knowledge knowledge{.next = {{1, kLaterPass + 10}, {2, kLaterPass + 30}, {3, 5}}};
  EvictionOrder order(knowledge.look());
  for (uint64_t number = 1; number <= 4; ++number) {
    order.add({.key = key(number), .modified_ns = kNow});
  }
  EXPECT_EQ(take_all(order, kLaterPass + 20), (std::vector<uint64_t>{2, 4}));
}

TEST(EvictionOrder, AsksAgainWhatIsKnown) {
  Knowledge knowledge{.next = {{1, kLaterPass + 1}, {2, 50}}};
  EvictionOrder order(knowledge.look());
  order.add({.key = key(1), .modified_ns = kNow});
  order.add({.key = key(2), .modified_ns = kNow});
  knowledge.next[1] = 1;  // its pass has begun
  EXPECT_EQ(take_all(order, 10), (std::vector<uint64_t>{2}));
  order.remove(key(1));
  EXPECT_TRUE(take_all(order, 0).empty());
}

TEST(EvictionOrder, HasAShardOnce) {
  Knowledge knowledge;
  EvictionOrder order(knowledge.look());
  order.add({.key = key(1), .modified_ns = kNow});
  order.add({.key = key(1), .modified_ns = kNow + 1});
  EXPECT_EQ(order.take(0)->modified_ns, kNow + 1);
  EXPECT_FALSE(order.take(0));
}

TEST(EvictionOrder, MarksOfTheDeadAreToldFromTimesOfFiles) {
  EXPECT_TRUE(is_dead(dead_since(kNow)));
  EXPECT_FALSE(is_dead(kNow));
  EXPECT_LT(dead_since(kNow - 1), dead_since(kNow));
}

// The optimum evicts what is used farthest in the future. With one process that knows its order,
// this is that.
TEST(EvictionOrder, ForcesNoMoreFetchesThanTheOptimum) {
  std::mt19937_64 random(1);
  constexpr uint64_t kShards = 30;
  constexpr size_t kRoom = 10;
  std::vector<uint64_t> uses(2000);
  for (uint64_t& use : uses) {
    use = random() % kShards;
  }
  const auto next_after = [&](uint64_t shard, size_t at) -> uint64_t {
    const auto found = std::find(uses.begin() + static_cast<ptrdiff_t>(at), uses.end(), shard);
    return static_cast<uint64_t>(found - uses.begin());
  };
  Knowledge knowledge;
  EvictionOrder order(knowledge.look());
  std::vector<uint64_t> ours;
  std::vector<uint64_t> optimum;
  uint64_t our_fetches = 0;
  uint64_t least_fetches = 0;
  for (size_t at = 0; at < uses.size(); ++at) {
    const uint64_t shard = uses[at];
    if (std::ranges::find(optimum, shard) == optimum.end()) {
      ++least_fetches;
      if (optimum.size() == kRoom) {
        optimum.erase(std::ranges::max_element(
            optimum, {}, [&](uint64_t other) { return next_after(other, at); }));
      }
      optimum.push_back(shard);
    }
    if (std::ranges::find(ours, shard) == ours.end()) {
      ++our_fetches;
      if (ours.size() == kRoom) {
        const auto gone = order.take(at);
        ASSERT_TRUE(gone);
        std::erase(ours, gone->key.xxh3);
      }
      ours.push_back(shard);
    }
    knowledge.next[shard] = next_after(shard, at + 1);
    order.add({.key = key(shard), .modified_ns = kNow});
  }
  EXPECT_EQ(our_fetches, least_fetches);
  EXPECT_LT(least_fetches, uses.size() / 2);
}

}  // namespace
}  // namespace headrace
