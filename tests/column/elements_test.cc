#include "column/elements.h"

#include <array>
#include <cstdint>

#include <gtest/gtest.h>

namespace headrace {
namespace {

TEST(Elements, AreLoadedAndStoredWhereTheyAreNotAligned) {
  std::array<std::byte, 33> bytes = {};
  std::byte* const elements = bytes.data() + 1;
  store_element(elements, 0, int64_t{-5});
  store_element(elements, 3, int64_t{1} << 40);
  EXPECT_EQ(load_element<int64_t>(elements, 0), -5);
  EXPECT_EQ(load_element<int64_t>(elements, 1), 0);
  EXPECT_EQ(load_element<int64_t>(elements, 3), int64_t{1} << 40);
  EXPECT_EQ(bytes[0], std::byte{}) << "in front of the array";
}

TEST(Elements, NegativeIndicesAreAboveEveryWidth) {
  const std::array<int32_t, 2> indices = {7, -1};
  const auto* const bytes = reinterpret_cast<const std::byte*>(indices.data());
  EXPECT_EQ(load_index<int32_t>(bytes, 0), 7U);
  EXPECT_EQ(load_index<int32_t>(bytes, 1), UINT64_MAX);
  EXPECT_EQ(load_index<uint16_t>(bytes, 2), 0xFFFFU) << "which has no sign";
}

TEST(Elements, OfIndicesHaveTheTypeOfTheirDtype) {
  const auto describe_type = [](DType dtype) {
    return with_index_type(
        dtype, [](auto index) { return sizeof(index) * 2 + (decltype(index)(-1) < 0 ? 1 : 0); });
  };
  EXPECT_EQ(describe_type(DType::kUint16), 2 * 2U);
  EXPECT_EQ(describe_type(DType::kInt32), 4 * 2 + 1U);
  EXPECT_EQ(describe_type(DType::kInt64), 8 * 2 + 1U);
}

}  // namespace
}  // namespace headrace
