#include "engine/row_lists.h"

#include <cstdint>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"

namespace headrace {
namespace {

TEST(RowLists, GivesEachListOnceInAnyOrder) {
  RowLists lists;
  for (uint64_t number = 0; number < 10; ++number) {
    lists.put(number, {{number, number + 1}, {}});
  }
  for (const uint64_t number : {3U, 0U, 9U, 1U}) {
    EXPECT_EQ(lists.take(number).rows, (std::vector<uint64_t>{number, number + 1}));
  }
}

TEST(RowLists, MayBeUsedByManyThreads) {
  RowLists lists;
  constexpr uint64_t kCount = 1000;
  for (uint64_t number = 0; number < kCount; ++number) {
    lists.put(number, {{number}, {}});
  }
  std::vector<std::thread> threads;
  for (uint64_t first = 0; first < 4; ++first) {
    threads.emplace_back([&lists, first] {
      for (uint64_t number = first; number < kCount; number += 4) {
        EXPECT_EQ(lists.take(number).rows.front(), number);
        lists.put(kCount + number, {{number}, {}});
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

TEST(SizedPools, HoldTheRowsInAtMostTwiceTheirMemory) {
  SizedPools pools({8, 100}, 2);
  for (const uint64_t rows : {1U, 2U, 3U, 4U, 5U, 1000U, 1024U, 1025U}) {
    const auto& found = pools.of(rows);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_GE(found[0].rows->bytes(), rows * 8);
    EXPECT_LT(found[0].rows->bytes(), 2 * rows * 8 + 8);
    EXPECT_GE(found[1].rows->bytes(), rows * 100);
    EXPECT_EQ(found[1].rows.get(), pools.of(rows)[1].rows.get());
  }
}

TEST(SizedPools, ShareOnePoolAmongSizesThatAreAlike) {
  SizedPools pools({8}, 2);
  EXPECT_EQ(pools.of(5)[0].rows.get(), pools.of(8)[0].rows.get());
  EXPECT_NE(pools.of(8)[0].rows.get(), pools.of(9)[0].rows.get());
}

TEST(SizedPools, ShareMemoryOfRowsOfAnySizeAmongAllSizes) {
  SizedPools pools({0, 8}, 2);
  ASSERT_NE(pools.of(5)[0].parts, nullptr);
  EXPECT_EQ(pools.of(5)[0].rows, nullptr);
  EXPECT_EQ(pools.of(5)[0].parts, pools.of(1000)[0].parts);
  EXPECT_EQ(pools.of(5)[1].parts, nullptr);
}

TEST(SizedPools, RefuseMoreMemoryThanThereIs) {
  SizedPools pools({uint64_t{1} << 30, 0, uint64_t{1} << 20}, 2);
  EXPECT_EQ(pools.of(1).size(), 3U);
  expect_error(ErrorCode::kInvalid, {"a batch of 1048577 rows", "batch_size"},
               [&] { pools.of((uint64_t{1} << 20) + 1); });
}

TEST(SizedPools, RefuseSizesBeyond64Bits) {
  SizedPools pools({uint64_t{1} << 40}, 2);
  expect_error(ErrorCode::kInvalid, {"bytes of a batch"}, [&] { pools.of(uint64_t{1} << 30); });
}

}  // namespace
}  // namespace headrace
