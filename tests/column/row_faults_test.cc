#include "column/row_faults.h"

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace headrace {
namespace {

template <typename T>
const std::byte* bytes_of(const T& values) {
  return reinterpret_cast<const std::byte*>(values.data());
}

const Field kRagged{.name = "r", .dtype = DType::kInt16, .kind = ColumnKind::kRagged};
const Field kText{.name = "t", .kind = ColumnKind::kText};

template <typename Offset>
RowFault check_offsets(const std::vector<Offset>& offsets, uint64_t elements) {
  return find_row_fault(kRagged, {.rows = offsets.size() - 1,
                                  .offsets = bytes_of(offsets),
                                  .offset_size = sizeof(Offset),
                                  .elements = elements});
}

template <typename T>
class RowFaultsOfOffsets : public testing::Test {};
using OffsetTypes = testing::Types<int32_t, int64_t>;
TYPED_TEST_SUITE(RowFaultsOfOffsets, OffsetTypes);

TYPED_TEST(RowFaultsOfOffsets, AreFoundWhereTheyAre) {
  using Offsets = std::vector<TypeParam>;
  EXPECT_FALSE(check_offsets(Offsets{0, 2, 2, 5}, 5));
  EXPECT_FALSE(check_offsets(Offsets{3, 3, 4}, 5));  // need not begin at 0
  EXPECT_FALSE(check_offsets(Offsets{9}, 5));        // no rows

  const RowFault behind = check_offsets(Offsets{0, 2, 6}, 5);
  EXPECT_EQ(behind.kind, RowFaultKind::kOffsetOutside);
  EXPECT_EQ(behind.row, 1U);
  EXPECT_EQ(behind.found, 6);
  const RowFault before = check_offsets(Offsets{-1, 2, 5}, 5);
  EXPECT_EQ(before.kind, RowFaultKind::kOffsetOutside);
  EXPECT_EQ(before.row, 0U);
  const RowFault decrease = check_offsets(Offsets{0, 4, 5, 3}, 5);
  EXPECT_EQ(decrease.kind, RowFaultKind::kOffsetsDecrease);
  EXPECT_EQ(decrease.row, 2U);
  const TypeParam lowest = std::numeric_limits<TypeParam>::min();
  EXPECT_EQ(check_offsets(Offsets{0, lowest}, 5).kind, RowFaultKind::kOffsetsDecrease);
  const TypeParam highest = std::numeric_limits<TypeParam>::max();
  EXPECT_EQ(check_offsets(Offsets{0, highest}, 5).kind, RowFaultKind::kOffsetOutside);
}

template <typename T>
class RowFaultsOfIndices : public testing::Test {};
using IndexTypes = testing::Types<uint16_t, int32_t, int64_t>;
TYPED_TEST_SUITE(RowFaultsOfIndices, IndexTypes);

TYPED_TEST(RowFaultsOfIndices, AreThoseAtOrBeyondTheWidth) {
  constexpr DType kDType = sizeof(TypeParam) == 2   ? DType::kUint16
                           : sizeof(TypeParam) == 4 ? DType::kInt32
                                                    : DType::kInt64;
  const Field field{.name = "w",
                    .dtype = DType::kFloat32,
                    .kind = ColumnKind::kCsr,
                    .index_dtype = kDType,
                    .width = 10};
  const std::array<int64_t, 4> offsets = {0, 1, 1, 3};
  std::array<TypeParam, 3> indices = {9, 0, 9};
  const ColumnView view{
      .rows = 3, .offsets = bytes_of(offsets), .indices = bytes_of(indices), .elements = 3};
  EXPECT_FALSE(find_row_fault(field, view));
  for (const TypeParam wrong : {TypeParam{10}, static_cast<TypeParam>(-1)}) {
    indices[2] = wrong;
    const RowFault fault = find_row_fault(field, view);
    EXPECT_EQ(fault.kind, RowFaultKind::kIndexOutside);
    EXPECT_EQ(fault.row, 2U);
    EXPECT_EQ(fault.found, static_cast<int64_t>(wrong));
  }
  EXPECT_NE(
      describe(find_row_fault(field, view), field, view).find("outside the width 10 (0 to 9)"),
      std::string::npos);
}

TEST(RowFaults, OfTextAreRowsThatAreNotUtf8ByThemselves) {
  const std::string text = "a\xC3\xA9z";
  const std::array<int64_t, 4> whole = {0, 1, 3, 4};
  ColumnView view{.rows = 3, .values = bytes_of(text), .offsets = bytes_of(whole), .elements = 4};
  EXPECT_FALSE(find_row_fault(kText, view));
  const std::array<int64_t, 4> cut = {0, 1, 2, 4};
  view.offsets = bytes_of(cut);
  const RowFault fault = find_row_fault(kText, view);
  EXPECT_EQ(fault.kind, RowFaultKind::kNotUtf8);
  EXPECT_EQ(fault.row, 1U);
  const Field bytes{.name = "b", .kind = ColumnKind::kBytes};
  EXPECT_FALSE(find_row_fault(bytes, view));
}

TEST(RowFaults, AreBoolsThatAreNeitherZeroNorOne) {
  std::vector<uint8_t> values = {0, 1, 1, 0, 1, 0};
  const Field tensor{.name = "x", .dtype = DType::kBool, .row_shape = {3}};
  ColumnView view{.rows = 2, .values = bytes_of(values)};
  EXPECT_FALSE(find_row_fault(tensor, view));
  const Field ragged{
      .name = "r", .dtype = DType::kBool, .row_shape = {2}, .kind = ColumnKind::kRagged};
  const std::array<int64_t, 4> offsets = {0, 1, 1, 3};
  ColumnView lists{
      .rows = 3, .values = bytes_of(values), .offsets = bytes_of(offsets), .elements = 3};
  EXPECT_FALSE(find_row_fault(ragged, lists));
  values[5] = 255;
  const RowFault of_tensor = find_row_fault(tensor, view);
  EXPECT_EQ(of_tensor.kind, RowFaultKind::kNotBool);
  EXPECT_EQ(of_tensor.row, 1U);
  EXPECT_EQ(of_tensor.found, 255);
  EXPECT_EQ(find_row_fault(ragged, lists).row, 2U);
}

TEST(RowsPerLook, BoundsRowsAndBytesAndIsNeverZero) {
  const Field text{.name = "t", .kind = ColumnKind::kText};
  EXPECT_EQ(rows_per_look(text, {.rows = 1'000'000, .elements = 1'000'000}), 1U << 14);
  EXPECT_EQ(rows_per_look(text, {.rows = 100, .elements = uint64_t{100} << 20}), 4U);
  EXPECT_EQ(rows_per_look(text, {.rows = 2, .elements = uint64_t{1} << 40}), 1U);
  EXPECT_GE(rows_per_look(text, {}), 1U);
  const Field bools{.name = "b", .dtype = DType::kBool, .row_shape = {1 << 20}};
  EXPECT_EQ(rows_per_look(bools, {.rows = 1'000'000}), 4U);
}

TEST(RowFaults, AreNoneInOtherTensors) {
  const std::array<int32_t, 2> values = {1, 2};
  const Field field{.name = "x", .dtype = DType::kInt32};
  EXPECT_FALSE(find_row_fault(field, {.rows = 2, .values = bytes_of(values)}));
}

TEST(RowFault, SaysWhatIsWrongWithRowsOnTheirWayToALayout) {
  const auto words = [](const RowFault& fault) { return describe(fault, kRagged, {}); };
  EXPECT_EQ(words({RowFaultKind::kNotIndex, 0, 0, 2.5}),
            "the number 2.5 is no index; indices are whole numbers from 0 on");
  EXPECT_EQ(words({RowFaultKind::kRowTooLong, 0, 70}),
            "the row has 70 elements, more than max_length; truncate cuts it, a larger max_length "
            "holds it");
}

}  // namespace
}  // namespace headrace
