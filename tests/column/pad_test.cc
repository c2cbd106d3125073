#include "column/pad.h"

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/number_oracle.h"
#include "testing/sparse_chunk.h"

namespace headrace {
namespace {

// Rows of ragged numbers; the first element belongs to no row.
struct Ragged {
  Field field;
  std::vector<int64_t> offsets;
  std::vector<std::byte> values;

  ColumnView view() const {
    return {.rows = offsets.size() - 1,
            .values = values.data(),
            .offsets = reinterpret_cast<const std::byte*>(offsets.data()),
            .elements = values.size() / field.row_bytes()};
  }
};

Ragged ragged(const std::vector<std::vector<int64_t>>& rows, DType dtype,
              std::vector<uint64_t> row_shape = {}) {
  Ragged made = {.field = {.name = "x",
                           .dtype = dtype,
                           .row_shape = std::move(row_shape),
                           .kind = ColumnKind::kRagged},
                 .offsets = {1},
                 .values = {}};
  const uint64_t inner = made.field.row_elements();
  std::vector<int64_t> numbers(inner, 99);
  for (const std::vector<int64_t>& row : rows) {
    numbers.insert(numbers.end(), row.begin(), row.end());
    made.offsets.push_back(static_cast<int64_t>(numbers.size() / inner));
  }
  made.values = encoded(numbers, dtype);
  return made;
}

Layout padded(DType dtype, Padding padding = {}, int64_t fill = 0) {
  const auto bytes = encoded(std::vector<int64_t>{fill}, dtype);
  std::memcpy(padding.fill.data(), bytes.data(), bytes.size());
  return {.kind = LayoutKind::kPadded, .dtype = dtype, .padding = padding};
}

struct Padded {
  std::vector<long double> values;
  std::vector<int64_t> lengths;  // or the mask
  RowFault fault;
};

Padded pad(const Ragged& rows, const Layout& layout, uint64_t length) {
  const uint64_t count = rows.view().rows;
  const uint64_t size = dtype_size(layout.dtype);
  std::vector<std::byte> values(count * length * rows.field.row_elements() * size);
  std::vector<std::byte> lengths(layout.padding.mask ? count * length : count * sizeof(int64_t));
  Padded result;
  result.fault = Padder(rows.field, layout, length)(
      rows.view(), {.values = values.data(), .lengths = lengths.data()});
  for (size_t i = 0; i < values.size(); i += size) {
    result.values.push_back(decode(layout.dtype, values.data() + i));
  }
  for (size_t i = 0; i < lengths.size(); i += layout.padding.mask ? 1 : sizeof(int64_t)) {
    result.lengths.push_back(layout.padding.mask ? load<uint8_t>(lengths.data() + i)
                                                 : load<int64_t>(lengths.data() + i));
  }
  return result;
}

using Numbers = std::vector<long double>;
using Lengths = std::vector<int64_t>;

TEST(Padder, FillsBehindTheElementsOrBeforeThem) {
  const Ragged rows = ragged({{1, 2}, {}, {3, 4, 5}}, DType::kInt32);
  EXPECT_EQ(longest_row(rows.view()), 3U);
  const Padded right = pad(rows, padded(DType::kInt32, {}, -7), 3);
  EXPECT_FALSE(right.fault);
  EXPECT_EQ(right.values, (Numbers{1, 2, -7, -7, -7, -7, 3, 4, 5}));
  EXPECT_EQ(right.lengths, (Lengths{2, 0, 3}));
  const Padded left = pad(rows, padded(DType::kInt32, {.left = true}, -7), 3);
  EXPECT_EQ(left.values, (Numbers{-7, 1, 2, -7, -7, -7, 3, 4, 5}));
  EXPECT_EQ(left.lengths, (Lengths{2, 0, 3}));
}

TEST(Padder, CastsElementsOfAnyShapeToEveryDtype) {
  const std::vector<std::vector<int64_t>> numbers = {{1, 2, 3, 4}, {}, {5, 6}};
  for (size_t from = 0; from < kDTypeCount; ++from) {
    for (size_t to = 0; to < kDTypeCount; ++to) {
      const auto dtype = static_cast<DType>(to);
      const Ragged rows = ragged(numbers, static_cast<DType>(from), {2});
      const Padded result = pad(rows, padded(dtype, {}, 1), 2);
      Numbers expected = {1, 2, 3, 4, 1, 1, 1, 1, 5, 6, 1, 1};
      if (rows.field.dtype == DType::kBool || dtype == DType::kBool) {
        expected.assign(12, 1);
      }
      EXPECT_EQ(result.values, expected) << dtype_name(rows.field.dtype) << dtype_name(dtype);
      EXPECT_EQ(result.lengths, (Lengths{2, 0, 1}));
    }
  }
}

TEST(Padder, MarksTheElementsInAMask) {
  const Ragged rows = ragged({{1, 2}, {}, {3, 4, 5}}, DType::kInt64);
  EXPECT_EQ(pad(rows, padded(DType::kInt64, {.mask = true}), 3).lengths,
            (Lengths{1, 1, 0, 0, 0, 0, 1, 1, 1}));
  EXPECT_EQ(pad(rows, padded(DType::kInt64, {.left = true, .mask = true}), 3).lengths,
            (Lengths{0, 1, 1, 0, 0, 0, 1, 1, 1}));
}

TEST(Padder, CutsTheEndOfLongRowsOrNamesTheFirst) {
  const Ragged rows = ragged({{1, 2}, {3, 4, 5, 6}, {7, 8, 9}}, DType::kInt64);
  const Padded cut = pad(rows, padded(DType::kInt64, {.max_length = 3, .truncate = true}), 3);
  EXPECT_FALSE(cut.fault);
  EXPECT_EQ(cut.values, (Numbers{1, 2, 0, 3, 4, 5, 7, 8, 9}));
  EXPECT_EQ(cut.lengths, (Lengths{2, 3, 3}));
  const Padded left =
      pad(rows, padded(DType::kInt64, {.max_length = 3, .truncate = true, .left = true}), 3);
  EXPECT_EQ(left.values, (Numbers{0, 1, 2, 3, 4, 5, 7, 8, 9}));
  const Padded refused = pad(rows, padded(DType::kInt64, {.max_length = 3}), 3);
  EXPECT_EQ(refused.fault.kind, RowFaultKind::kRowTooLong);
  EXPECT_EQ(refused.fault.row, 1U);
  EXPECT_EQ(refused.fault.found, 4);
}

TEST(Padder, TakesBatchesWithoutElementsAndWithoutRows) {
  const Ragged empty = ragged({{}, {}}, DType::kInt64);
  EXPECT_EQ(longest_row(empty.view()), 0U);
  EXPECT_EQ(pad(empty, padded(DType::kInt64), 0).lengths, (Lengths{0, 0}));
  EXPECT_TRUE(pad(empty, padded(DType::kInt64, {.mask = true}), 0).lengths.empty());
  const Ragged none = ragged({}, DType::kInt64);
  EXPECT_EQ(longest_row(none.view()), 0U);
  EXPECT_TRUE(pad(none, padded(DType::kInt64), 5).lengths.empty());
}

}  // namespace
}  // namespace headrace
