#include "engine/parallel_map.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "testing/child_process.h"
#include "testing/errors.h"

namespace headrace {
namespace {

void nothing() {}

// The results of a map of `items` items over `places` places, each the square of its item.
std::vector<uint64_t> squares(const ParallelMap::Options& options) {
  std::vector<uint64_t> places(options.places);
  ParallelMap map(options, [&](uint64_t item, uint64_t place, uint64_t thread) {
    EXPECT_LT(thread, options.threads);
    if (item % 7 == 0) {
      std::this_thread::sleep_for(std::chrono::microseconds(50));  // overtaken by others
    }
    places[place] = item * item;
  });
  std::vector<uint64_t> results;
  while (const auto place = map.next(nothing)) {
    results.push_back(places[*place]);
  }
  EXPECT_FALSE(map.next(nothing).has_value()) << "asked again behind the end";
  return results;
}

TEST(ParallelMap, GivesEveryItemInOrderForAnyThreadsAndPlaces) {
  for (const uint64_t items : {0U, 1U, 2U, 500U}) {
    std::vector<uint64_t> expected(items);
    for (uint64_t i = 0; i < items; ++i) {
      expected[i] = i * i;
    }
    for (const uint64_t threads : {1U, 2U, 5U}) {
      for (const uint64_t places : {1U, 2U, 7U, 600U}) {
        EXPECT_EQ(squares({.items = items, .threads = threads, .places = places}), expected)
            << items << " items, " << threads << " threads, " << places << " places";
      }
    }
  }
}

TEST(ParallelMap, WorksNoFurtherAheadThanItHasPlaces) {
  std::atomic<uint64_t> furthest{0};
  ParallelMap map({.items = 100, .threads = 3, .places = 4},
                  [&](uint64_t item, uint64_t, uint64_t) {
                    uint64_t seen = furthest.load();
                    while (item > seen && !furthest.compare_exchange_weak(seen, item)) {
                    }
                  });
  for (uint64_t item = 0; item < 100; ++item) {
    ASSERT_TRUE(map.next(nothing).has_value());
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    // The consumer has `item`; its place is not free.
    EXPECT_LE(furthest.load(), item + 3);
  }
}

TEST(ParallelMap, TakesMoreItemsWhileItRuns) {
  for (const uint64_t threads : {1U, 3U}) {
    std::vector<uint64_t> places(4);
    ParallelMap map({.items = 1, .threads = threads, .places = places.size(), .growing = true},
                    [&](uint64_t item, uint64_t place, uint64_t) { places[place] = item; });
    for (uint64_t item = 0; item < 300; ++item) {
      const auto place = map.next(nothing);
      ASSERT_TRUE(place.has_value());
      EXPECT_EQ(places[*place], item);
      if (item % 3 == 0) {
        EXPECT_FALSE(map.next(nothing).has_value()) << "there are no more so far";
        map.extend(3);
      }
    }
  }
}

TEST(ParallelMap, GoesOnWhenThreadsHadToWaitForAConsumer) {
  constexpr uint64_t kItems = 400;
  std::vector<uint64_t> places(32);
  ParallelMap map({.items = kItems, .threads = 3, .places = places.size()},
                  [&](uint64_t item, uint64_t place, uint64_t) { places[place] = item; });
  for (uint64_t item = 0; item < kItems; ++item) {
    if (item % 50 == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));  // until no place is free
    }
    const auto place = map.next(nothing);
    ASSERT_TRUE(place.has_value());
    EXPECT_EQ(places[*place], item);
  }
  EXPECT_FALSE(map.next(nothing).has_value());
}

TEST(ParallelMap, ThrowsWhatAnItemThrewInItsTurnAndGoesOn) {
  ParallelMap map({.items = 20, .threads = 2, .places = 8}, [](uint64_t item, uint64_t, uint64_t) {
    if (item == 3 || item == 5) {
      throw std::runtime_error("item " + std::to_string(item));
    }
  });
  std::vector<std::string> seen;
  for (uint64_t item = 0; item < 20; ++item) {
    try {
      seen.push_back(map.next(nothing).has_value() ? "" : "end");
    } catch (const std::runtime_error& error) {
      seen.push_back(error.what());
    }
  }
  std::vector<std::string> expected(20);
  expected[3] = "item 3";
  expected[5] = "item 5";
  EXPECT_EQ(seen, expected);
  EXPECT_FALSE(map.next(nothing).has_value());
}

TEST(ParallelMap, CanBeInterruptedWhileItWaitsAndLosesNothing) {
  std::atomic<bool> go{false};
  ParallelMap map({.items = 3, .threads = 1, .places = 2}, [&](uint64_t, uint64_t, uint64_t) {
    while (!go.load()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  int polls = 0;
  const auto interrupt = [&] {
    if (++polls == 2) {
      throw std::runtime_error("interrupted");
    }
  };
  EXPECT_THROW(map.next(interrupt), std::runtime_error);
  go = true;
  for (const uint64_t place : {0U, 1U, 0U}) {
    EXPECT_EQ(map.next(nothing), place);
  }
  EXPECT_FALSE(map.next(nothing).has_value());
}

TEST(ParallelMap, EndsWithItemsThatNobodyTook) {
  std::atomic<uint64_t> begun{0};
  {
    ParallelMap map({.items = 1'000'000, .threads = 2, .places = 16},
                    [&](uint64_t, uint64_t, uint64_t) { ++begun; });
    map.next(nothing);
  }
  EXPECT_LE(begun.load(), 17U);
}

// The threads have filled all places and sleep: of a child that is forked then, AddressSanitizer's
// allocator, which takes no notice of forks, has no lock that a thread held.
TEST(ParallelMap, LeavesItsThreadsToItsParentInAForkedChild) {
  std::atomic<uint64_t> begun{0};
  auto map =
      std::make_unique<ParallelMap>(ParallelMap::Options{.items = 100, .threads = 2, .places = 4},
                                    [&](uint64_t, uint64_t, uint64_t) { ++begun; });
  ASSERT_TRUE(map->next(nothing).has_value());
  while (begun < 4) {
    std::this_thread::yield();
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  ChildProcess child([&] {
    const bool told = error_of([&] { map->next(nothing); }).code() == ErrorCode::kCancelled;
    map.reset();
    return told ? 0 : 1;
  });
  EXPECT_EQ(child.wait(), 0);
  uint64_t rest = 0;
  while (map->next(nothing)) {
    ++rest;
  }
  EXPECT_EQ(rest, 99U);
}

}  // namespace
}  // namespace headrace
