#include "order/key.h"

#include <set>

#include <gtest/gtest.h>

namespace headrace {
namespace {

TEST(OrderKey, NeverAddsSeedAndEpoch) {
  const uint64_t one = OrderKey{1, 0}.derive(Purpose::kRows);
  const uint64_t other = OrderKey{0, 1}.derive(Purpose::kRows);
  EXPECT_NE(one, other);
}

TEST(OrderKey, DiffersForEverySeedEpochPurposeAndNumber) {
  std::set<uint64_t> keys;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    for (uint64_t epoch = 0; epoch < 10; ++epoch) {
      for (uint64_t number = 0; number < 10; ++number) {
        for (const Purpose purpose :
             {Purpose::kRows, Purpose::kUnits, Purpose::kRowsOfUnit, Purpose::kRowsOfStage,
              Purpose::kSplit, Purpose::kSplitByFile}) {
          keys.insert(OrderKey{seed, epoch}.derive(purpose, number));
        }
      }
    }
  }
  EXPECT_EQ(keys.size(), 6000U);
}

}  // namespace
}  // namespace headrace
