#include "base/checked.h"

#include <cstdint>

#include <gtest/gtest.h>

#include "testing/errors.h"

namespace headrace {
namespace {

constexpr uint64_t kMax = UINT64_MAX;

TEST(CheckedAdd, AddsUpToTheLargestNumber) {
  EXPECT_EQ(checked_add(0, 0, "x"), 0U);
  EXPECT_EQ(checked_add(2, 3, "x"), 5U);
  EXPECT_EQ(checked_add(kMax - 1, 1, "x"), kMax);
  EXPECT_EQ(checked_add(0, kMax, "x"), kMax);
}

TEST(CheckedAdd, RefusesASumThatWraps) {
  expect_error(ErrorCode::kInvalid, {"rows of a dataset", "18446744073709551615 + 1"},
               [] { checked_add(kMax, 1, "rows of a dataset"); });
  expect_error(ErrorCode::kInvalid, {"x"}, [] { checked_add(kMax / 2 + 1, kMax / 2 + 1, "x"); });
}

TEST(CheckedMul, MultipliesUpToTheLargestNumber) {
  EXPECT_EQ(checked_mul(0, kMax, "x"), 0U);
  EXPECT_EQ(checked_mul(kMax, 1, "x"), kMax);
  EXPECT_EQ(checked_mul(uint64_t{1} << 32, (uint64_t{1} << 32) - 1, "x"),
            kMax - (uint64_t{1} << 32) + 1);
}

TEST(CheckedMul, RefusesAProductThatWraps) {
  expect_error(ErrorCode::kInvalid, {"bytes of a row", "4294967296 * 4294967296"},
               [] { checked_mul(uint64_t{1} << 32, uint64_t{1} << 32, "bytes of a row"); });
  expect_error(ErrorCode::kInvalid, {"x"}, [] { checked_mul(kMax, 2, "x"); });
}

TEST(Saturating, IsTheLargestNumberWhereTheResultDoesNotFit) {
  EXPECT_EQ(saturating_add(2, 3), 5U);
  EXPECT_EQ(saturating_add(kMax - 3, 3), kMax);
  EXPECT_EQ(saturating_add(kMax - 3, 4), kMax);
  EXPECT_EQ(saturating_mul(uint64_t{1} << 31, uint64_t{1} << 32), uint64_t{1} << 63);
  EXPECT_EQ(saturating_mul(uint64_t{1} << 32, uint64_t{1} << 32), kMax);
  EXPECT_EQ(saturating_mul(kMax, 0), 0U);
}

TEST(RangeFits, HoldsForRangesInsideAndAtTheEnd) {
  EXPECT_TRUE(range_fits(0, 0, 0));
  EXPECT_TRUE(range_fits(0, 10, 10));
  EXPECT_TRUE(range_fits(10, 0, 10));
  EXPECT_TRUE(range_fits(3, 7, 10));
  EXPECT_TRUE(range_fits(0, kMax, kMax));
  EXPECT_FALSE(range_fits(3, 8, 10));
  EXPECT_FALSE(range_fits(11, 0, 10));
}

TEST(RangeFits, IsNotFooledByASumThatWraps) {
  EXPECT_FALSE(range_fits(5, kMax, 10));
  EXPECT_FALSE(range_fits(kMax, 2, 10));
  EXPECT_FALSE(range_fits(kMax, kMax, kMax));
}

TEST(MulDiv, IsExactBeyond64Bits) {
  EXPECT_EQ(mul_div(10, 3, 4), 7U);
  EXPECT_EQ(mul_div(kMax, kMax, kMax), kMax);
  EXPECT_EQ(mul_div(kMax, 63, 64), kMax - (kMax >> 6) - 1);
  EXPECT_EQ(mul_div(kMax, 0, 7), 0U);
}

}  // namespace
}  // namespace headrace
