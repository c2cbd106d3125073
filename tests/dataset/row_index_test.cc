#include "dataset/row_index.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"

namespace headrace {
namespace {

// Checks the rows of each part, or those next to its borders where there are too many.
void check(const std::vector<uint64_t>& counts) {
  constexpr uint64_t kMost = 500;
  const RowIndex index(counts);
  ASSERT_EQ(index.parts(), counts.size());
  uint64_t first = 0;
  for (uint64_t part = 0; part < counts.size(); ++part) {
    ASSERT_EQ(index.first(part), first);
    for (uint64_t i = 0; i < std::min(kMost, counts[part]); ++i) {
      ASSERT_EQ(index.part_of(first + i), part) << "row " << first + i;
      ASSERT_EQ(index.part_of(first + counts[part] - 1 - i), part);
    }
    first += counts[part];
  }
  ASSERT_EQ(index.rows(), first);
  ASSERT_EQ(index.first(counts.size()), first);
}

TEST(RowIndex, FindsThePartOfEachRow) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    std::vector<uint64_t> counts(1 + random() % 60);
    const uint64_t longest = seed % 3 == 0 ? 3 : 500;
    for (uint64_t& count : counts) {
      count = random() % 3 == 0 ? 0 : random() % longest;
    }
    ASSERT_NO_FATAL_FAILURE(check(counts));
  }
}

TEST(RowIndex, FindsPartsOfVeryUnequalSizes) {
  check({uint64_t{1} << 40, 1, 1, 1, 0, 7, uint64_t{1} << 50, 2});
  check({1, 1, uint64_t{1} << 62});
  check({UINT64_MAX - 1, 1});
  check({UINT64_MAX});
}

TEST(RowIndex, MayHaveNoRows) {
  check({});
  check({0});
  check({0, 0, 0});
}

TEST(RowIndex, RefusesMoreRowsThan64BitsCount) {
  expect_error(ErrorCode::kInvalid, {"rows of a dataset", "64 bits"}, [] {
    RowIndex({UINT64_MAX, 1});
  });
}

}  // namespace
}  // namespace headrace
