#include "transform/hashed_rows.h"

#include <cmath>
#include <cstring>
#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"

namespace headrace {
namespace {

template <typename Number>
std::vector<Number> numbers_of(const GrowingArray<std::byte>& bytes) {
  std::vector<Number> numbers(bytes.size() / sizeof(Number));
  std::memcpy(numbers.data(), bytes.data(), bytes.size());
  return numbers;
}

std::vector<int32_t> numbers_of(const GrowingArray<int32_t>& indices) {
  return {indices.begin(), indices.end()};
}

// A row of these hashes in `out`.
void add(const HashedRowCounter& counter, const std::vector<uint32_t>& hashes, HashedRows& out) {
  std::vector<uint32_t> keys;
  std::vector<uint32_t> scratch;
  for (const uint32_t hash : hashes) {
    keys.push_back(counter.key(hash));
  }
  counter.add_row(keys, scratch, out);
}

constexpr uint32_t negative(uint32_t hash) { return 0U - hash; }

TEST(HashedRows, SumSignsOfTheSameColumn) {
  const HashedRowCounter counter({.columns = 10, .norm = RowNorm::kNone});
  HashedRows rows;
  add(counter, {13, 7, 3, negative(23), 9, negative(17)}, rows);
  add(counter, {}, rows);
  add(counter, {negative(4)}, rows);
  EXPECT_EQ(numbers_of(rows.indices), (std::vector<int32_t>{3, 7, 9, 4}));
  EXPECT_EQ(numbers_of<double>(rows.values), (std::vector<double>{1, 0, 1, -1}));
  EXPECT_FALSE(std::signbit(numbers_of<double>(rows.values)[1]));
  EXPECT_EQ(rows.ends, (std::vector<uint64_t>{3, 3, 4}));
  EXPECT_EQ(rows.features, 7U);
}

TEST(HashedRows, AreTheSameOfSumsAsOfKeys) {
  std::mt19937 random(7);
  for (const RowNorm norm : {RowNorm::kNone, RowNorm::kL1, RowNorm::kL2}) {
    for (const bool binary : {false, true}) {
      for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
        const HashedRowCounter counter(
            {.columns = 1000, .binary = binary, .norm = norm, .dtype = dtype});
        std::vector<uint32_t> hashes(5000);
        for (uint32_t& hash : hashes) {
          hash = static_cast<uint32_t>(random());
        }
        hashes.push_back(negative(hashes.front()));  // sums of 0 stay
        HashedRows expected;
        add(counter, {3, 4}, expected);
        add(counter, hashes, expected);
        HashedRows found;
        add(counter, {3, 4}, found);
        ColumnSums sums;
        std::vector<uint32_t> keys;
        std::vector<uint32_t> scratch;
        for (size_t i = 0; i < hashes.size(); ++i) {
          keys.push_back(counter.key(hashes[i]));
          if (i % 900 == 0 || i + 1 == hashes.size()) {
            counter.fold(keys, scratch, sums);
            EXPECT_TRUE(keys.empty());
          }
        }
        counter.fold(keys, scratch, sums);  // of nothing
        counter.add_row(sums, found);
        EXPECT_EQ(numbers_of(found.indices), numbers_of(expected.indices));
        EXPECT_EQ(numbers_of<std::byte>(found.values), numbers_of<std::byte>(expected.values));
        EXPECT_EQ(found.ends, expected.ends);
        EXPECT_EQ(found.features, expected.features);
      }
    }
  }
}

TEST(HashedRows, CountTheHashWithoutAMagnitudeOfItsOwn) {
  // abs(-2^31) overflows in 32 bits; scikit-learn takes 2^31 modulo the number of columns.
  for (const uint64_t columns : {1U, 7U, 10U, 1U << 18, 0x7FFFFFFFU}) {
    const HashedRowCounter counter({.columns = columns, .norm = RowNorm::kNone});
    HashedRows rows;
    add(counter, {0x80000000U}, rows);
    EXPECT_EQ(numbers_of(rows.indices)[0], static_cast<int32_t>((uint64_t{1} << 31) % columns));
    EXPECT_EQ(numbers_of<double>(rows.values)[0], -1);
  }
}

TEST(HashedRows, CountWithoutSignsAndAsBinary) {
  HashedRows unsigned_rows;
  add(HashedRowCounter({.columns = 8, .alternate_sign = false, .norm = RowNorm::kNone}),
      {1, negative(9), 2}, unsigned_rows);
  EXPECT_EQ(numbers_of<double>(unsigned_rows.values), (std::vector<double>{2, 1}));
  HashedRows binary;
  add(HashedRowCounter({.columns = 8, .binary = true, .norm = RowNorm::kNone}),
      {1, negative(9), 2, 2}, binary);
  EXPECT_EQ(numbers_of<double>(binary.values), (std::vector<double>{1, 1}));
}

TEST(HashedRows, AreScaledToTheirNorm) {
  HashedRows rows;
  add(HashedRowCounter({.columns = 8}), {1, 1, 1, negative(2), 3, negative(3)}, rows);
  const double size = std::sqrt(10.0);
  EXPECT_EQ(numbers_of<double>(rows.values), (std::vector<double>{3 / size, -1 / size, 0}));
  HashedRows l1;
  add(HashedRowCounter({.columns = 8, .norm = RowNorm::kL1}), {1, 1, negative(2)}, l1);
  EXPECT_EQ(numbers_of<double>(l1.values), (std::vector<double>{2.0 / 3, -1.0 / 3}));
  HashedRows cancelled;
  add(HashedRowCounter({.columns = 8}), {1, negative(1)}, cancelled);
  EXPECT_EQ(numbers_of<double>(cancelled.values), std::vector<double>{0});
}

TEST(HashedRows, OfFloat32AreDividedInFloat64) {
  HashedRows rows;
  add(HashedRowCounter({.columns = 64, .dtype = DType::kFloat32}), {1, 1, 2, 3}, rows);
  const double size = std::sqrt(6.0);
  EXPECT_EQ(numbers_of<float>(rows.values),
            (std::vector<float>{static_cast<float>(2 / size), static_cast<float>(1 / size),
                                static_cast<float>(1 / size)}));
}

TEST(HashedRows, AgreeWithAMapForManyFeatures) {
  std::mt19937 random(3);
  for (const uint64_t columns : {1U, 5U, 1000U, 1U << 18, 0x7FFFFFFFU}) {
    const HashedRowCounter counter({.columns = columns, .norm = RowNorm::kNone});
    std::vector<uint32_t> hashes(3000);
    std::map<int32_t, double> expected;
    for (uint32_t& hash : hashes) {
      hash = static_cast<uint32_t>(random());
      const auto number = static_cast<int64_t>(static_cast<int32_t>(hash));
      const int64_t magnitude = number < 0 ? -number : number;
      expected[static_cast<int32_t>(magnitude % static_cast<int64_t>(columns))] +=
          number < 0 ? -1 : 1;
    }
    HashedRows rows;
    add(counter, hashes, rows);
    std::vector<int32_t> indices;
    std::vector<double> values;
    for (const auto& [index, value] : expected) {
      indices.push_back(index);
      values.push_back(value);
    }
    EXPECT_EQ(numbers_of(rows.indices), indices);
    EXPECT_EQ(numbers_of<double>(rows.values), values);
  }
}

TEST(HashedRows, RefuseOptionsThatAreNone) {
  for (const uint64_t columns : {uint64_t{0}, uint64_t{1} << 31}) {
    expect_error(ErrorCode::kInvalid, {"n_features", std::to_string(columns)},
                 [&] { HashedRowCounter({.columns = columns}); });
  }
  expect_error(ErrorCode::kInvalid, {"float64 or float32", "int8"},
               [] { HashedRowCounter({.dtype = DType::kInt8}); });
}

}  // namespace
}  // namespace headrace
