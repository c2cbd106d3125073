#include "dataset/pending_rows.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace headrace {
namespace {

template <typename T>
const std::byte* bytes_of(const std::vector<T>& values) {
  return reinterpret_cast<const std::byte*>(values.data());
}

// Ten rows of one column of each kind; row i of the others has i elements, from element 3 on.
struct Rows {
  static constexpr uint64_t kRows = 10;
  static constexpr uint64_t kFirst = 3;

  Schema schema = {
      {.name = "x", .dtype = DType::kInt16, .row_shape = {2}},
      {.name = "r", .dtype = DType::kInt32, .row_shape = {2}, .kind = ColumnKind::kRagged},
      {.name = "t", .kind = ColumnKind::kText},
      {.name = "w",
       .dtype = DType::kFloat64,
       .kind = ColumnKind::kCsr,
       .index_dtype = DType::kInt32,
       .width = 100},
      {.name = "b",
       .kind = ColumnKind::kCsr,
       .index_dtype = DType::kUint16,
       .width = 100,
       .binary = true},
  };
  std::vector<int16_t> tensor = numbers<int16_t>(2 * kRows);
  std::vector<int32_t> ragged = numbers<int32_t>(2 * 60);
  std::vector<char> text = numbers<char>(60);
  std::vector<double> weights = numbers<double>(60);
  std::vector<int32_t> columns = numbers<int32_t>(60);
  std::vector<uint16_t> members = numbers<uint16_t>(60);
  std::vector<int64_t> wide = {};
  std::vector<int32_t> narrow = {};
  std::vector<ColumnView> views = {};

  Rows() {
    for (uint64_t i = 0, at = kFirst; i <= kRows; at += i++) {
      wide.push_back(static_cast<int64_t>(at));
      narrow.push_back(static_cast<int32_t>(at));
    }
    const auto sized = [this](const std::byte* values, const std::byte* indices) {
      return ColumnView{.rows = kRows,
                        .values = values,
                        .offsets = bytes_of(wide),
                        .indices = indices,
                        .elements = 60};
    };
    views = {{.rows = kRows, .values = bytes_of(tensor)},
             sized(bytes_of(ragged), nullptr),
             sized(bytes_of(text), nullptr),
             sized(bytes_of(weights), bytes_of(columns)),
             sized(nullptr, bytes_of(members))};
    views[2].offsets = bytes_of(narrow);
    views[2].offset_size = sizeof(int32_t);
  }

  template <typename T>
  static std::vector<T> numbers(size_t count) {
    std::vector<T> values(count);
    std::iota(values.begin(), values.end(), T{0});
    return values;
  }
};

// The bytes of one row of every column, as one text.
std::string row_text(const Schema& schema, const std::vector<ColumnView>& views, uint64_t row) {
  std::string text;
  const auto add = [&](const std::byte* data, uint64_t begin, uint64_t end, uint64_t size) {
    if (data != nullptr) {
      text.append(reinterpret_cast<const char*>(data) + begin * size, (end - begin) * size);
    }
  };
  for (size_t c = 0; c < schema.size(); ++c) {
    uint64_t begin = row;
    uint64_t end = row + 1;
    if (!schema[c].is_tensor()) {
      begin = static_cast<uint64_t>(offset_at(views[c], row));
      end = static_cast<uint64_t>(offset_at(views[c], row + 1));
    }
    add(views[c].values, begin, end, schema[c].row_bytes());
    add(views[c].indices, begin, end, dtype_size(schema[c].index_dtype));
    text += '|';
  }
  return text;
}

BatchRoom room_for(uint64_t bytes, uint64_t elements = 1000) {
  return {bytes, std::vector<uint64_t>(5, elements)};
}

TEST(PendingRows, HoldTheRowsThatWereAppended) {
  const Rows given;
  PendingRows pending(given.schema);
  pending.append(given.schema, given.views, 4, 3);
  pending.append(given.schema, given.views, 0, 0);
  pending.append(given.schema, given.views, 0, 2);
  ASSERT_EQ(pending.rows(), 5);
  const std::vector<ColumnView> held = pending.views(given.schema, 5);
  const std::vector<uint64_t> expected = {4, 5, 6, 0, 1};
  for (uint64_t row = 0; row < expected.size(); ++row) {
    EXPECT_EQ(row_text(given.schema, held, row),
              row_text(given.schema, given.views, expected[row]));
  }
  EXPECT_EQ(pending.bytes(), batch_bytes(given.schema, given.views, 4, 3) +
                                 batch_bytes(given.schema, given.views, 0, 2));
  EXPECT_EQ(pending.elements(given.schema, 0), 10);
  EXPECT_EQ(pending.elements(given.schema, 1), 2 * (4 + 5 + 6 + 0 + 1));
}

TEST(PendingRows, DropFromTheFront) {
  const Rows given;
  PendingRows pending(given.schema);
  pending.append(given.schema, given.views, 0, 10);
  pending.drop(given.schema, 7);
  pending.append(given.schema, given.views, 2, 1);
  ASSERT_EQ(pending.rows(), 4);
  const std::vector<ColumnView> held = pending.views(given.schema, 4);
  const std::vector<uint64_t> expected = {7, 8, 9, 2};
  for (uint64_t row = 0; row < expected.size(); ++row) {
    EXPECT_EQ(row_text(given.schema, held, row),
              row_text(given.schema, given.views, expected[row]));
  }
  EXPECT_EQ(pending.bytes(), batch_bytes(given.schema, held, 0, 4));
  pending.drop(given.schema, 4);
  EXPECT_EQ(pending.bytes(), 0);
  pending.shrink(0);
  pending.append(given.schema, given.views, 9, 1);
  EXPECT_EQ(row_text(given.schema, pending.views(given.schema, 1), 0),
            row_text(given.schema, given.views, 9));
}

TEST(PendingRows, CountTheBytesOfABatch) {
  const Rows given;
  // Row 3: two int16; three pairs of int32; three characters; three doubles with int32 indices;
  // three uint16; and four offsets.
  EXPECT_EQ(batch_bytes(given.schema, given.views, 3, 1), 4 + 3 * 8 + 3 + 3 * 12 + 3 * 2 + 4 * 8);
  EXPECT_EQ(batch_bytes(given.schema, given.views, 3, 0), 0);
}

TEST(PendingRows, TakeTheMostRowsThatFit) {
  const Rows given;
  for (uint64_t first = 0; first < Rows::kRows; ++first) {
    for (uint64_t count = 0; first + count <= Rows::kRows; ++count) {
      const uint64_t bytes = batch_bytes(given.schema, given.views, first, count);
      EXPECT_EQ(
          rows_that_fit(given.schema, given.views, first, Rows::kRows - first, room_for(bytes)),
          count);
      EXPECT_EQ(rows_that_fit(given.schema, given.views, first, count, room_for(bytes)), count);
    }
  }
}

TEST(PendingRows, TakeNoMoreElementsThanFit) {
  const Rows given;
  BatchRoom room = room_for(1 << 20);
  room.elements[1] = 2 * (0 + 1 + 2 + 3);  // leaf elements of pairs
  EXPECT_EQ(rows_that_fit(given.schema, given.views, 0, 10, room), 4);
  room.elements[1] -= 1;
  EXPECT_EQ(rows_that_fit(given.schema, given.views, 0, 10, room), 3);
  room.elements[0] = 4;
  EXPECT_EQ(rows_that_fit(given.schema, given.views, 0, 10, room), 2);
}

}  // namespace
}  // namespace headrace
