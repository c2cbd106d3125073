#include "dataset/next_uses.h"

#include <gtest/gtest.h>

#include "testing/numbered_shards.h"

namespace headrace {
namespace {

class NextUsesTest : public testing::Test {
 protected:
  uint64_t next(size_t shard) const { return uses_.next_use(uses_.key(shard)); }

  NumberedShards shards_{300};
  NextUses uses_{NumberedShards::dataset(), shards_.table()};
};

TEST_F(NextUsesTest, AreKnownByKeyAfterTheyWereSet) {
  const uint64_t pass = uses_.begin_pass(1000);
  for (size_t shard = 0; shard < 300; ++shard) {
    EXPECT_EQ(next(shard), kNoKnownUse);
    EXPECT_EQ(uses_.set(pass, shard, shard * 2), NextUses::kFirst + shard * 2);
  }
  for (size_t shard = 0; shard < 300; ++shard) {
    EXPECT_EQ(next(shard), NextUses::kFirst + shard * 2);
    EXPECT_EQ(uses_.next_use(shard), NextUses::kFirst + shard * 2);
  }
}

TEST_F(NextUsesTest, OfOtherShardsAreUnknown) {
  uses_.set(uses_.begin_pass(10), 1, 5);
  CacheKey other = uses_.key(1);
  other.dataset = {7};
  EXPECT_EQ(uses_.next_use(other), kNoKnownUse);
  other = uses_.key(1);
  ++other.xxh3;
  EXPECT_EQ(uses_.next_use(other), kNoKnownUse);
  other = uses_.key(1);
  other.shard = {250};
  EXPECT_EQ(uses_.next_use(other), kNoKnownUse);
}

TEST_F(NextUsesTest, OfLaterPassesComeAfterAllOfThisOne) {
  const uint64_t pass = uses_.begin_pass(100);
  uses_.set(pass, 0, 99);
  uses_.set(pass, 1, kLaterPass);
  uses_.set(pass, 2, kLaterPass + 50);
  uses_.set(pass, 3, kNoKnownUse);
  EXPECT_LT(next(0), kLaterPass);
  EXPECT_GE(next(1), kLaterPass);
  EXPECT_EQ(next(2), next(1) + 50);
  EXPECT_EQ(next(3), kNoKnownUse);
}

TEST_F(NextUsesTest, StayKnownBetweenPassesAsThoseOfLaterOnes) {
  const uint64_t first = uses_.begin_pass(100);
  uses_.set(first, 0, 50);
  uses_.set(first, 1, kLaterPass + 1);
  uses_.set(first, 2, kLaterPass + 2);
  uses_.end_pass(first);
  EXPECT_EQ(next(0), kNoKnownUse) << "it did not come to that";
  EXPECT_GE(next(1), kLaterPass);
  const uint64_t second = uses_.begin_pass(100);
  EXPECT_GE(next(1), kLaterPass) << "until this pass says so, another one may have been meant";
  uses_.set(second, 1, 1);
  EXPECT_EQ(next(1), NextUses::kFirst + 100 + 1) << "it begins where the last one ended";
  uses_.set(second, 1, kLaterPass + 1);
  EXPECT_LT(next(2), next(1)) << "in this pass, and in the next one";
}

TEST_F(NextUsesTest, AreThoseOfThePassThatComesFirst) {
  const uint64_t training = uses_.begin_pass(1'000'000);
  uses_.advance(training, 500'000);
  const uint64_t validation = uses_.begin_pass(100);
  uses_.set(training, 0, 500'020);
  uses_.set(validation, 1, 10);
  uses_.set(validation, 2, 30);
  EXPECT_LT(next(1), next(0)) << "10 rows from now, and 20";
  EXPECT_LT(next(0), next(2));
  uses_.set(validation, 0, 5);
  EXPECT_LT(next(0), next(1)) << "of both";
  uses_.set(validation, 0, kLaterPass);
  EXPECT_LT(next(1), next(0));
  EXPECT_LT(next(0), kLaterPass) << "the other one still uses it in this pass";
  uses_.set(training, 0, kLaterPass);
  EXPECT_GE(next(0), kLaterPass);
}

TEST_F(NextUsesTest, OfAPassThatEndedBesideAnotherAreOfALaterOne) {
  const uint64_t training = uses_.begin_pass(1000);
  const uint64_t validation = uses_.begin_pass(100);
  uses_.set(training, 0, 700);
  uses_.set(validation, 0, kLaterPass);
  uses_.set(validation, 1, kLaterPass + 1);
  uses_.set(validation, 2, 99);
  uses_.end_pass(validation);
  EXPECT_EQ(next(0), NextUses::kFirst + 700) << "it changes nothing for the other one";
  EXPECT_GE(next(1), kLaterPass);
  EXPECT_NE(next(1), kNoKnownUse);
  EXPECT_EQ(next(2), kNoKnownUse);
  uses_.set(training, 1, 5);
  EXPECT_EQ(next(1), NextUses::kFirst + 5);
}

TEST_F(NextUsesTest, OfAnyNumberOfPassesHaveTheirPlace) {
  uint64_t last = 0;
  for (int i = 0; i < 20; ++i) {
    const uint64_t pass = uses_.begin_pass(UINT64_MAX);
    EXPECT_NE(pass, last);
    last = pass;
    EXPECT_LT(uses_.set(pass, 0, kLaterPass - 1), kLaterPass);
    EXPECT_LT(uses_.set(pass, 1, kNoKnownUse - 1), kNoKnownUse);
    uses_.end_pass(pass);
  }
}

}  // namespace
}  // namespace headrace
