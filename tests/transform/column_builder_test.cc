#include "transform/column_builder.h"

#include <cstring>
#include <numeric>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"

namespace headrace {
namespace {

Field ragged_field() { return {.name = "x", .dtype = DType::kInt32, .kind = ColumnKind::kRagged}; }

Field csr_field(bool binary = false) {
  return {.name = "x",
          .dtype = binary ? DType::kUint8 : DType::kFloat32,
          .kind = ColumnKind::kCsr,
          .index_dtype = DType::kInt32,
          .width = 10,
          .binary = binary};
}

Field text_field() { return {.name = "x", .kind = ColumnKind::kText}; }

template <typename T>
std::vector<T> elements_of(const BuiltColumn::Part& part) {
  std::vector<T> elements(part.bytes / sizeof(T));
  if (part.bytes > 0) {
    std::memcpy(elements.data(), part.memory.get(), part.bytes);
  }
  return elements;
}

// Adds a ragged row of these elements.
void add(ColumnBuilder& builder, const std::vector<int32_t>& row) {
  const ColumnBuilder::Room room = builder.reserve(1, row.size());
  if (!row.empty()) {
    std::memcpy(room.values, row.data(), row.size() * sizeof(int32_t));
  }
  room.ends[0] = static_cast<int64_t>(row.size());
  builder.commit(1, row.size());
}

TEST(ColumnBuilder, KeepsRowsOfATensorOverManyCommits) {
  ColumnBuilder builder({.name = "x", .dtype = DType::kInt16, .row_shape = {3}});
  std::vector<int16_t> expected(3 * 500);
  std::iota(expected.begin(), expected.end(), int16_t{0});
  for (size_t row = 0; row < 500; row += 5) {
    const ColumnBuilder::Room room = builder.reserve(8, 0);
    EXPECT_EQ(room.ends, nullptr);
    EXPECT_EQ(room.indices, nullptr);
    std::memcpy(room.values, expected.data() + row * 3, 5 * 6);
    builder.commit(5, 0);
  }
  EXPECT_EQ(builder.rows(), 500U);
  const BuiltColumn built = builder.take();
  EXPECT_EQ(built.rows, 500U);
  EXPECT_EQ(elements_of<int16_t>(built.values), expected);
  EXPECT_EQ(built.offsets.memory, nullptr);
  EXPECT_EQ(builder.rows(), 0U);
}

TEST(ColumnBuilder, KeepsRowsOfAnyLength) {
  ColumnBuilder builder(ragged_field());
  std::vector<int32_t> values;
  std::vector<int64_t> offsets = {0};
  for (int32_t row = 0; row < 300; ++row) {
    std::vector<int32_t> elements(static_cast<size_t>(row * 7 % 13));
    std::iota(elements.begin(), elements.end(), row);
    add(builder, elements);
    values.insert(values.end(), elements.begin(), elements.end());
    offsets.push_back(static_cast<int64_t>(values.size()));
  }
  const BuiltColumn built = builder.take();
  EXPECT_EQ(built.rows, 300U);
  EXPECT_EQ(built.elements, values.size());
  EXPECT_EQ(elements_of<int32_t>(built.values), values);
  EXPECT_EQ(elements_of<int64_t>(built.offsets), offsets);
}

TEST(ColumnBuilder, MovesWhatWasWrittenWhenMoreRoomIsAskedFor) {
  ColumnBuilder builder(csr_field());
  ColumnBuilder::Room room = builder.reserve(1, 2);
  for (uint64_t size = 2; size <= 4096; size *= 2) {
    room = builder.reserve(1, size);
    for (uint64_t i = size / 2; i < size; ++i) {
      reinterpret_cast<float*>(room.values)[i] = static_cast<float>(i);
      reinterpret_cast<int32_t*>(room.indices)[i] = static_cast<int32_t>(i % 10);
    }
  }
  reinterpret_cast<float*>(room.values)[0] = 0;
  reinterpret_cast<int32_t*>(room.indices)[0] = 0;
  room.ends[0] = 4096;
  builder.commit(1, 4096);
  builder.check(0);
  const BuiltColumn built = builder.take();
  const std::vector<float> values = elements_of<float>(built.values);
  const std::vector<int32_t> indices = elements_of<int32_t>(built.indices);
  for (size_t i = 0; i < 4096; ++i) {
    ASSERT_EQ(values[i], static_cast<float>(i));
    ASSERT_EQ(indices[i], static_cast<int32_t>(i % 10));
  }
}

TEST(ColumnBuilder, HasNoValuesForBinaryCsr) {
  ColumnBuilder builder(csr_field(true));
  const ColumnBuilder::Room room = builder.reserve(1, 1);
  EXPECT_EQ(room.values, nullptr);
  reinterpret_cast<int32_t*>(room.indices)[0] = 9;
  room.ends[0] = 1;
  builder.commit(1, 1);
  const BuiltColumn built = builder.take();
  EXPECT_EQ(built.values.memory, nullptr);
  EXPECT_EQ(elements_of<int32_t>(built.indices), std::vector<int32_t>{9});
}

TEST(ColumnBuilder, IsEmptyAfterTakeAndCanBeUsedAgain) {
  ColumnBuilder builder(ragged_field());
  for (const size_t size : {size_t{3}, size_t{1} << 16, size_t{2}}) {  // copied, moved, copied
    const std::vector<int32_t> row(size, 7);
    add(builder, row);
    const BuiltColumn built = builder.take();
    EXPECT_EQ(elements_of<int32_t>(built.values), row);
    EXPECT_EQ(elements_of<int64_t>(built.offsets),
              (std::vector<int64_t>{0, static_cast<int64_t>(size)}));
  }
  const BuiltColumn none = builder.take();
  EXPECT_EQ(none.rows, 0U);
  EXPECT_EQ(elements_of<int64_t>(none.offsets), std::vector<int64_t>{0});
}

TEST(ColumnBuilder, RefusesMoreThanWasReserved) {
  ColumnBuilder tensor({.name = "x", .dtype = DType::kInt64});
  expect_error(ErrorCode::kTransform, {"x", "1 rows", "0"}, [&] { tensor.commit(1, 0); });
  tensor.reserve(2, 0);
  expect_error(ErrorCode::kTransform, {"3 rows", "2"}, [&] { tensor.commit(3, 0); });
  ColumnBuilder ragged(ragged_field());
  ragged.reserve(1, 4).ends[0] = 5;
  expect_error(ErrorCode::kTransform, {"5 elements", "4"}, [&] { ragged.commit(1, 5); });
  EXPECT_EQ(ragged.rows(), 0U);
}

TEST(ColumnBuilder, RefusesEndsThatAreNotInOrder) {
  const std::vector<std::vector<int64_t>> wrong = {{2, 1, 4}, {-1, 2, 4},        {1, 2, 3},
                                                   {1, 2, 5}, {1, 2, INT64_MAX}, {5, 4, 4}};
  for (const std::vector<int64_t>& ends : wrong) {
    ColumnBuilder builder(ragged_field());
    add(builder, {1, 2});
    const ColumnBuilder::Room room = builder.reserve(3, 4);
    std::memset(room.values, 0, 16);
    std::memcpy(room.ends, ends.data(), 24);
    expect_error(ErrorCode::kTransform, {"x"}, [&] { builder.commit(3, 4); });
    EXPECT_EQ(builder.rows(), 1U);
    const std::vector<int64_t> right = {1, 1, 4};
    std::memcpy(room.ends, right.data(), 24);
    builder.commit(3, 4);
    EXPECT_EQ(elements_of<int64_t>(builder.take().offsets), (std::vector<int64_t>{0, 2, 3, 3, 6}));
  }
}

TEST(ColumnBuilder, RefusesSizesThatCannotBe) {
  ColumnBuilder builder(ragged_field());
  add(builder, {1});
  expect_error(ErrorCode::kInvalid, {"elements"}, [&] { builder.reserve(1, UINT64_MAX); });
  expect_error(ErrorCode::kInvalid, {"rows"}, [&] { builder.reserve(UINT64_MAX, 1); });
  expect_error(ErrorCode::kInvalid, {"bytes"}, [&] { builder.reserve(1, UINT64_MAX / 4); });
  expect_error(ErrorCode::kInvalid, {"1 TiB"}, [&] { builder.reserve(1, uint64_t{1} << 39); });
  add(builder, {2});
  EXPECT_EQ(elements_of<int32_t>(builder.take().values), (std::vector<int32_t>{1, 2}));
}

TEST(ColumnBuilder, FindsWhatRowsMayNotHold) {
  ColumnBuilder csr(csr_field());
  for (const int32_t index : {3, 10, -1}) {
    const ColumnBuilder::Room room = csr.reserve(1, 1);
    reinterpret_cast<float*>(room.values)[0] = 1;
    reinterpret_cast<int32_t*>(room.indices)[0] = index;
    room.ends[0] = 1;
    csr.commit(1, 1);
  }
  csr.check(3);
  expect_error(ErrorCode::kTransform, {"x", "row 1", "10", "width"}, [&] { csr.check(0); });
  const Error error = error_of([&] { csr.check(2); });
  EXPECT_EQ(error.context().row, 0U) << "counted from the first that is checked";

  ColumnBuilder text(text_field());
  const std::string_view bad = "a\xFF";
  const ColumnBuilder::Room room = text.reserve(1, bad.size());
  std::memcpy(room.values, bad.data(), bad.size());
  room.ends[0] = 2;
  text.commit(1, 2);
  expect_error(ErrorCode::kTransform, {"UTF-8"}, [&] { text.check(0); });

  ColumnBuilder bools({.name = "x", .dtype = DType::kBool});
  *bools.reserve(1, 0).values = std::byte{2};
  bools.commit(1, 0);
  expect_error(ErrorCode::kTransform, {"2", "bool"}, [&] { bools.check(0); });
}

TEST(ColumnBuilder, DropsRowsFromOneOn) {
  ColumnBuilder builder(ragged_field());
  add(builder, {1, 2});
  add(builder, {3});
  builder.truncate(1);
  EXPECT_EQ(builder.rows(), 1U);
  expect_error(ErrorCode::kTransform, {"reserved"}, [&] { builder.commit(1, 0); });
  add(builder, {4});
  const BuiltColumn built = builder.take();
  EXPECT_EQ(elements_of<int32_t>(built.values), (std::vector<int32_t>{1, 2, 4}));
}

}  // namespace
}  // namespace headrace
