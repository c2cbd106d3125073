#include "transform/growing_array.h"

#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace headrace {
namespace {

TEST(GrowingArray, KeepsItsElementsWhileItGrows) {
  GrowingArray<int32_t> array;
  for (int32_t i = 0; i < 1000; ++i) {
    array.push_back(i);
    ASSERT_LE(array.size(), array.capacity());
  }
  std::vector<int32_t> expected(1000);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(std::vector<int32_t>(array.begin(), array.end()), expected);
}

TEST(GrowingArray, HasRoomForWhatIsWrittenBehindTheLast) {
  GrowingArray<double> array;
  array.push_back(1.5);
  array.reserve_more(3);
  ASSERT_GE(array.capacity(), 4U);
  array.data()[1] = 2.5;
  array.set_size(2);
  EXPECT_EQ(array[1], 2.5);
  EXPECT_THROW(array.reserve_more(UINT64_MAX), Error);
}

TEST(GrowingArray, GivesUnusedMemoryBackWhereItIsSmall) {
  GrowingArray<int64_t> array;
  array.reserve(1000);
  array.push_back(7);
  array.fit();
  EXPECT_EQ(array.capacity(), 1U);
  EXPECT_EQ(array[0], 7);
}

TEST(GrowingArray, IsEmptyAfterItsMemoryWentElsewhere) {
  GrowingArray<int64_t> array;
  array.push_back(7);
  GrowingArray<int64_t> other = std::move(array);
  EXPECT_EQ(array.size(), 0U);  // NOLINT(bugprone-use-after-move): what the move leaves
  EXPECT_EQ(array.capacity(), 0U);
  const AlignedBytes memory = other.release();
  EXPECT_NE(memory.get(), nullptr);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(memory.get()) % kBufferAlignment, 0U);
  EXPECT_EQ(other.size(), 0U);
  other.push_back(8);
  EXPECT_EQ(other[0], 8);
}

}  // namespace
}  // namespace headrace
