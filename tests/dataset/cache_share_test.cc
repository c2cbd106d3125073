#include "dataset/cache_share.h"

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace headrace {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

TEST(CacheShare, IsCountedOnceWhateverTheThreads) {
  std::atomic<uint64_t> counts{0};
  CacheShare share(
      [&] {
        std::this_thread::sleep_for(milliseconds(20));  // so that the others come meanwhile
        return ++counts * 100;
      },
      hours(1));
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { EXPECT_EQ(share.bytes(), 100U); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(counts, 1U);
}

TEST(CacheShare, IsTheOldOneWhileAThreadCountsAnew) {
  std::atomic<bool> counting{false};
  std::atomic<bool> may_end{false};
  uint64_t counts = 0;
  CacheShare share(
      [&] {
        if (++counts == 2) {
          counting = true;
          counting.notify_all();
          may_end.wait(false);
        }
        return counts;
      },
      milliseconds(0));
  EXPECT_EQ(share.bytes(), 1U);
  std::thread counter([&] { EXPECT_EQ(share.bytes(), 2U); });
  counting.wait(false);
  EXPECT_EQ(share.bytes(), 1U);
  may_end = true;
  may_end.notify_all();
  counter.join();
  EXPECT_EQ(share.bytes(), 3U);
}

TEST(CacheShare, IsCountedAgainAfterAFailure) {
  int calls = 0;
  CacheShare share([&]() -> uint64_t {
    if (++calls == 1) {
      throw std::runtime_error("no such directory");
    }
    return 5;
  });
  EXPECT_THROW(share.bytes(), std::runtime_error);
  EXPECT_EQ(share.bytes(), 5U);
  EXPECT_EQ(share.bytes(), 5U);
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace headrace
