#include "engine/part_pools.h"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/buffer.h"

namespace headrace {
namespace {

TEST(PartPools, GivesTheSameMemoryForAnyBatchUpToThePowerOfTwo) {
  PartPools pools(2);
  const std::byte* first = pools.acquire(ColumnPart::kValues, 1025).data();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(first) % kBufferAlignment, 0U);
  EXPECT_EQ(pools.acquire(ColumnPart::kValues, 2048).data(), first);
  // A part, and a batch that needs the next power of two, have other memory, while that is kept.
  EXPECT_NE(pools.acquire(ColumnPart::kIndices, 2048).data(), first);
  const Slot larger = pools.acquire(ColumnPart::kValues, 2049);
  EXPECT_NE(larger.data(), first);
  std::memset(larger.data(), 1, 4096);
  EXPECT_EQ(pools.acquire(ColumnPart::kValues, 1200).data(), first);
}

TEST(PartPools, KnowTheSizesThatWereAskedFor) {
  PartPools pools(2);
  EXPECT_FALSE(pools.knows(ColumnPart::kValues, 100));
  pools.acquire(ColumnPart::kValues, 128);
  EXPECT_TRUE(pools.knows(ColumnPart::kValues, 65));
  EXPECT_FALSE(pools.knows(ColumnPart::kValues, 64));
  EXPECT_FALSE(pools.knows(ColumnPart::kOffsets, 100));
  EXPECT_FALSE(pools.knows(ColumnPart::kValues, UINT64_MAX));
}

TEST(PartPools, GivesMemoryForNothingToo) {
  PartPools pools(2);
  EXPECT_NE(pools.acquire(ColumnPart::kValues, 0).data(), nullptr);
}

TEST(PartPools, SaysThatThereIsNotSoMuchMemory) {
  // Beyond every power of two; less is the allocator's to refuse, where sanitizers end the process.
  PartPools pools(2);
  EXPECT_THROW(pools.acquire(ColumnPart::kValues, (uint64_t{1} << 62) + 1), std::bad_alloc);
  EXPECT_THROW(pools.acquire(ColumnPart::kValues, UINT64_MAX), std::bad_alloc);
}

TEST(PartPools, ReplacesWhatIsKeptAndKeepsAsManyAsAskedFor) {
  PartPools pools(3);
  std::vector<Slot> slots;
  std::vector<const std::byte*> addresses;
  for (int i = 0; i < 10; ++i) {
    slots.push_back(pools.acquire(ColumnPart::kOffsets, 100));
    addresses.push_back(slots.back().data());
  }
  EXPECT_EQ(std::set(addresses.begin(), addresses.end()).size(), 10U);
  slots.clear();  // the first three to come back are kept, and the rest are freed
  const std::set<const std::byte*> kept(addresses.begin(), addresses.begin() + 3);
  for (int i = 0; i < 3; ++i) {
    slots.push_back(pools.acquire(ColumnPart::kOffsets, 100));
    EXPECT_TRUE(kept.contains(slots.back().data()));
  }
}

TEST(PartPools, MayGoBeforeTheirMemory) {
  auto pools = std::make_unique<PartPools>(2);
  const Slot slot = pools->acquire(ColumnPart::kValues, 64);
  pools.reset();
  std::memset(slot.data(), 1, 64);  // the sanitizers see memory that was freed
}

TEST(PartPools, MayBeUsedByManyThreads) {
  // Each round is of pools that nobody has made yet.
  for (int round = 0; round < 20; ++round) {
    PartPools pools(4);
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (uint64_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (uint64_t i = 0; i < 100; ++i) {
          const uint64_t bytes = uint64_t{64} << i % 5;
          const Slot slot = pools.acquire(ColumnPart::kValues, bytes);
          std::memset(slot.data(), static_cast<int>(t), bytes);
          std::this_thread::yield();
          for (uint64_t k = 0; k < bytes; ++k) {
            wrong += slot.data()[k] == static_cast<std::byte>(t) ? 0 : 1;
          }
        }
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    ASSERT_EQ(wrong.load(), 0);
  }
}

TEST(BatchColumn, CountsTheBytesOfItsParts) {
  PartPools pools(2);
  BatchColumn column;
  EXPECT_EQ(column.bytes(), 0U);
  EXPECT_EQ(column.data(ColumnPart::kOffsets), nullptr);
  column[ColumnPart::kOffsets] = {pools.acquire(ColumnPart::kOffsets, 24), 24};
  column[ColumnPart::kValues] = {pools.acquire(ColumnPart::kValues, 10), 10};
  EXPECT_EQ(column.bytes(), 34U);
  const std::byte* data = column.data(ColumnPart::kValues);
  const BatchColumn moved = std::move(column);
  EXPECT_EQ(moved.data(ColumnPart::kValues), data);
  EXPECT_EQ(moved.data(ColumnPart::kIndices), nullptr);
}

}  // namespace
}  // namespace headrace
