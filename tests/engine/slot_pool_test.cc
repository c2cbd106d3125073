#include "engine/slot_pool.h"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/buffer.h"

namespace headrace {
namespace {

TEST(SlotPool, GivesAlignedMemoryOfItsSize) {
  const auto pool = std::make_shared<SlotPool>(1001, 2);
  EXPECT_EQ(pool->bytes(), 1001U);
  const Slot slot = pool->acquire();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(slot.data()) % kBufferAlignment, 0U);
  std::memset(slot.data(), 1, pool->bytes());
}

TEST(SlotPool, GivesTheSameMemoryAgain) {
  const auto pool = std::make_shared<SlotPool>(64, 2);
  const std::byte* first = pool->acquire().data();
  EXPECT_EQ(pool->acquire().data(), first);
}

TEST(SlotPool, GivesEveryOwnerMemoryOfItsOwn) {
  const auto pool = std::make_shared<SlotPool>(64, 2);
  std::vector<Slot> slots;
  std::set<const std::byte*> addresses;
  for (int i = 0; i < 20; ++i) {
    slots.push_back(pool->acquire());
    addresses.insert(slots.back().data());
  }
  EXPECT_EQ(addresses.size(), 20U);
}

TEST(SlotPool, KeepsAsManyAsAskedForAndFreesTheRest) {
  // More than it keeps come back; the sanitizers see what is freed twice or not at all.
  const auto pool = std::make_shared<SlotPool>(64, 3);
  std::set<const std::byte*> before;
  std::vector<Slot> slots;
  for (int i = 0; i < 10; ++i) {
    slots.push_back(pool->acquire());
  }
  for (int i = 0; i < 3; ++i) {
    before.insert(slots[static_cast<size_t>(i)].data());
  }
  slots.clear();
  std::vector<Slot> again;
  for (int i = 0; i < 3; ++i) {
    again.push_back(pool->acquire());
    EXPECT_TRUE(before.contains(again.back().data())) << "the first three to come back are kept";
  }
}

TEST(SlotPool, OfNoneKeptFreesAll) {
  const auto pool = std::make_shared<SlotPool>(64, 0);
  const Slot slot = pool->acquire();
  EXPECT_NE(slot.data(), nullptr);
}

TEST(Slot, OutlivesEverythingButItself) {
  auto pool = std::make_shared<SlotPool>(64, 2);
  const std::weak_ptr<SlotPool> watch = pool;
  Slot slot = pool->acquire();
  pool.reset();
  EXPECT_FALSE(watch.expired());
  std::memset(slot.data(), 1, 64);
  slot = Slot();
  EXPECT_TRUE(watch.expired());
}

TEST(Slot, MovesItsMemory) {
  const auto pool = std::make_shared<SlotPool>(64, 4);
  Slot first = pool->acquire();
  const std::byte* data = first.data();
  Slot second(std::move(first));
  EXPECT_EQ(first.data(), nullptr);  // NOLINT(bugprone-use-after-move): what is left is a promise
  EXPECT_EQ(second.data(), data);
  Slot third = pool->acquire();
  third = std::move(second);
  EXPECT_EQ(third.data(), data);
  EXPECT_EQ(Slot().data(), nullptr);
}

TEST(SlotPool, MayBeUsedByManyThreads) {
  const auto pool = std::make_shared<SlotPool>(sizeof(uint64_t), 4);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; i < 2000; ++i) {
        std::vector<Slot> slots;
        for (uint64_t k = 0; k < 1 + i % 3; ++k) {
          slots.push_back(pool->acquire());
          const uint64_t mark = t << 32 | i << 2 | k;
          std::memcpy(slots.back().data(), &mark, sizeof(mark));
        }
        for (uint64_t k = 0; k < slots.size(); ++k) {
          uint64_t mark = 0;
          std::memcpy(&mark, slots[k].data(), sizeof(mark));
          wrong += mark == (t << 32 | i << 2 | k) ? 0 : 1;
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(wrong.load(), 0);
}

TEST(SlotPool, TakesBackOnAnotherThread) {
  const auto pool = std::make_shared<SlotPool>(64, 4);
  Slot slot = pool->acquire();
  const std::byte* data = slot.data();
  std::thread([moved = std::move(slot)]() mutable { moved = Slot(); }).join();
  EXPECT_EQ(pool->acquire().data(), data);
}

}  // namespace
}  // namespace headrace
