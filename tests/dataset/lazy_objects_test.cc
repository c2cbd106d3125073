#include "dataset/lazy_objects.h"

#include <array>
#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace headrace {
namespace {

// A number that counts how many of its kind there are.
struct Counted {
  Counted(uint64_t of, std::atomic<int>& counter) : number(of), count(counter) { ++count; }
  ~Counted() { --count; }
  uint64_t number;
  std::atomic<int>& count;
};

TEST(LazyObjects, AreMadeOnceAndWhenAskedFor) {
  std::atomic<int> count{0};
  {
    const LazyObjects<Counted> objects(uint64_t{1} << 24);  // 128 MB if all were there
    const auto make = [&] { return std::make_unique<const Counted>(7, count); };
    EXPECT_EQ(objects.made(12345), nullptr);
    const Counted& made = objects.get(12345, make);
    EXPECT_EQ(made.number, 7U);
    EXPECT_EQ(objects.made(12345), &made);
    EXPECT_EQ(&objects.get(12345, make), &made);
    EXPECT_EQ(objects.made(12344), nullptr);
    EXPECT_EQ(count, 1);
  }
  EXPECT_EQ(count, 0);
}

TEST(LazyObjects, OfThreadsThatRaceTheFirstOneStays) {
  std::atomic<int> count{0};
  {
    const LazyObjects<Counted> objects(100);
    std::array<std::vector<const Counted*>, 4> found;
    std::vector<std::thread> threads;
    for (std::vector<const Counted*>& of : found) {
      threads.emplace_back([&] {
        for (uint64_t i = 0; i < objects.size(); ++i) {
          of.push_back(&objects.get(i, [&] { return std::make_unique<const Counted>(i, count); }));
        }
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    for (const auto& of : found) {
      EXPECT_EQ(of, found.front());
    }
    EXPECT_EQ(count, 100);
  }
  EXPECT_EQ(count, 0);
}

TEST(LazyObjects, WhatCouldNotBeMadeIsTriedAgain) {
  std::atomic<int> count{0};
  const LazyObjects<Counted> objects(2);
  EXPECT_THROW(
      objects.get(1,
                  []() -> std::unique_ptr<const Counted> { throw std::runtime_error("not yet"); }),
      std::runtime_error);
  EXPECT_EQ(objects.made(1), nullptr);
  EXPECT_EQ(objects.get(1, [&] { return std::make_unique<const Counted>(3, count); }).number, 3U);
}

}  // namespace
}  // namespace headrace
