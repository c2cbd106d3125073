#include "dataset/zeroed_array.h"

#include <gtest/gtest.h>

#include "column/gather.h"

namespace headrace {
namespace {

TEST(ZeroedArray, IsZeroWhereNobodySetIt) {
  ZeroedArray<PieceRows> table(uint64_t{1} << 24);  // 400 MB, of which two pages are touched
  const std::byte byte{};
  table[5] = {.rows = &byte, .stride = 8};
  table[uint64_t{1} << 23].stride = -1;
  EXPECT_EQ(table[5].rows, &byte);
  EXPECT_EQ(table[(uint64_t{1} << 23)].stride, -1);
  EXPECT_EQ(table[6].rows, nullptr);
  EXPECT_EQ(table[6].stride, 0);
  EXPECT_EQ(table.data()[4].conversion, nullptr);
}

}  // namespace
}  // namespace headrace
