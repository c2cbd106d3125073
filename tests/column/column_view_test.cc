#include "column/column_view.h"

#include <array>
#include <cstdint>

#include <gtest/gtest.h>

namespace headrace {
namespace {

template <typename T>
const std::byte* bytes_of(const T& values) {
  return reinterpret_cast<const std::byte*>(values.data());
}

TEST(ColumnView, ASliceOfATensorMovesItsRows) {
  const std::array<int32_t, 6> values = {0, 1, 2, 3, 4, 5};
  const Field field{.name = "x", .dtype = DType::kInt32, .row_shape = {2}};
  const ColumnView part = slice({.rows = 3, .values = bytes_of(values)}, field, 1, 2);
  EXPECT_EQ(part.rows, 2U);
  EXPECT_EQ(part.values, bytes_of(values) + 8);
}

TEST(ColumnView, ASliceWithOffsetsKeepsItsElements) {
  const std::array<int32_t, 4> narrow = {0, 2, 2, 5};
  const std::array<int64_t, 4> wide = {0, 2, 2, 5};
  const std::array<uint8_t, 5> values = {1, 2, 3, 4, 5};
  const Field field{.name = "b", .kind = ColumnKind::kBytes};
  ColumnView view{.rows = 3,
                  .values = bytes_of(values),
                  .offsets = bytes_of(narrow),
                  .offset_size = 4,
                  .elements = 5};
  EXPECT_EQ(offset_at(slice(view, field, 1, 2), 1), 2);
  view.offsets = bytes_of(wide);
  view.offset_size = 8;
  const ColumnView part = slice(view, field, 2, 1);
  EXPECT_EQ(offset_at(part, 0), 2);
  EXPECT_EQ(offset_at(part, 1), 5);
  EXPECT_EQ(part.values, view.values);
}

}  // namespace
}  // namespace headrace
