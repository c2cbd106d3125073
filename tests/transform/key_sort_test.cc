#include "transform/key_sort.h"

#include <algorithm>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace headrace {
namespace {

std::vector<uint32_t> sorted(std::vector<uint32_t> keys) {
  std::sort(keys.begin(), keys.end());
  return keys;
}

TEST(KeySort, SortsAnyNumberOfKeysOfAnyWidth) {
  std::mt19937 random(7);
  std::vector<uint32_t> scratch;
  for (const int bits : {1, 2, 8, 11, 12, 19, 22, 23, 31, 32}) {
    const uint32_t largest = static_cast<uint32_t>((uint64_t{1} << bits) - 1);
    for (const size_t count : {0, 1, 2, 47, 48, 49, 300, 2047, 2048, 5000, 100'000}) {
      std::vector<uint32_t> keys(count);
      std::generate(keys.begin(), keys.end(),
                    [&] { return static_cast<uint32_t>(random()) & largest; });
      const std::vector<uint32_t> expected = sorted(keys);
      sort_keys(keys, scratch, bits);
      ASSERT_EQ(keys, expected) << count << " keys of " << bits << " bits";
    }
  }
}

TEST(KeySort, SortsKeysThatAreNotSpreadEvenly) {
  std::vector<uint32_t> scratch;
  std::vector<uint32_t> equal(10'000, 123);
  sort_keys(equal, scratch, 32);
  EXPECT_EQ(equal, std::vector<uint32_t>(10'000, 123));
  // All in one bucket and in falling order: 50 million moves by insertion.
  std::vector<uint32_t> falling(10'000);
  for (uint32_t i = 0; i < falling.size(); ++i) {
    falling[i] = static_cast<uint32_t>(falling.size()) - i;
  }
  const std::vector<uint32_t> expected = sorted(falling);
  sort_keys(falling, scratch, 32);
  EXPECT_EQ(falling, expected);
}

}  // namespace
}  // namespace headrace
