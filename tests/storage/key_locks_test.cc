#include "storage/key_locks.h"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/child_process.h"
#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

CacheKey key(uint64_t number) { return {.xxh3 = number}; }

bool is_unpinned(KeyLocks& locks, uint64_t number) {
  bool called = false;
  const bool unpinned = locks.while_unpinned(key(number), [&] { called = true; });
  EXPECT_EQ(unpinned, called);
  return unpinned;
}

TEST(KeyLocks, APinIsSeenByAllUntilItsLastShareIsGone) {
  const TempDir dir;
  const auto one = KeyLocks::open(dir.path("pins"));
  const auto two = KeyLocks::open(dir.path("pins"));
  auto first = one->pin(key(1));
  auto second = one->pin(key(1));
  auto other = two->pin(key(1));
  EXPECT_FALSE(is_unpinned(*one, 1));
  EXPECT_FALSE(is_unpinned(*two, 1));
  EXPECT_TRUE(is_unpinned(*two, 2));
  EXPECT_TRUE(two->has_pinned(key(1)));
  other.reset();
  EXPECT_FALSE(two->has_pinned(key(1)));
  EXPECT_TRUE(one->has_pinned(key(1)));
  first.reset();
  EXPECT_FALSE(is_unpinned(*two, 1));
  second.reset();
  EXPECT_TRUE(is_unpinned(*two, 1));
  EXPECT_TRUE(is_unpinned(*one, 1));
}

TEST(KeyLocks, AClaimIsOneInTheWorld) {
  const TempDir dir;
  const auto one = KeyLocks::open(dir.path("pins"));
  const auto two = KeyLocks::open(dir.path("pins"));
  auto claim = one->claim(key(1));
  ASSERT_NE(claim, nullptr);
  EXPECT_EQ(claim->key(), key(1));
  EXPECT_EQ(one->claim(key(1)), nullptr);
  EXPECT_EQ(two->claim(key(1)), nullptr);
  EXPECT_NE(two->claim(key(2)), nullptr);
  EXPECT_TRUE(is_unpinned(*two, 1)) << "a claim is no pin";
  claim.reset();
  EXPECT_NE(two->claim(key(1)), nullptr);
}

TEST(KeyLocks, TheDeadHoldNothing) {
  const TempDir dir;
  const auto locks = KeyLocks::open(dir.path("pins"));
  const Handshake ready;
  ChildProcess child([&] {
    const auto own = KeyLocks::open(dir.path("pins"));
    const auto pin = own->pin(key(1));
    const auto claim = own->claim(key(2));
    ready.signal();
    ::pause();
    return 0;
  });
  ready.wait();
  EXPECT_FALSE(is_unpinned(*locks, 1));
  EXPECT_EQ(locks->claim(key(2)), nullptr);
  EXPECT_EQ(locks->count_members(), 2U);
  child.kill();
  EXPECT_TRUE(is_unpinned(*locks, 1));
  EXPECT_NE(locks->claim(key(2)), nullptr);
  EXPECT_EQ(locks->count_members(), 1U);
}

TEST(KeyLocks, AChildNeitherKeepsNorGivesBackWhatItsParentHas) {
  const TempDir dir;
  auto parent = KeyLocks::open(dir.path("pins"));
  const auto watcher = KeyLocks::open(dir.path("pins"));
  auto pin = parent->pin(key(1));
  auto claim = parent->claim(key(2));
  const Handshake dropped;
  const Handshake end;
  ChildProcess child([&] {
    pin.reset();
    claim.reset();
    parent.reset();
    dropped.signal();
    end.wait();
    return 0;
  });
  dropped.wait();
  EXPECT_FALSE(is_unpinned(*watcher, 1));
  EXPECT_EQ(watcher->claim(key(2)), nullptr);
  pin.reset();
  claim.reset();
  parent.reset();
  EXPECT_TRUE(is_unpinned(*watcher, 1)) << "the child lives, and holds nothing";
  EXPECT_NE(watcher->claim(key(2)), nullptr);
  EXPECT_EQ(watcher->count_members(), 1U);
  end.signal();
  EXPECT_EQ(child.wait(), 0);
}

TEST(KeyLocks, WhatAnActionThrowsLeavesTheKeyFree) {
  const TempDir dir;
  const auto locks = KeyLocks::open(dir.path("pins"));
  const auto other = KeyLocks::open(dir.path("pins"));
  expect_error(ErrorCode::kIo, {"no"},
               [&] { locks->while_unpinned(key(1), [] { throw Error(ErrorCode::kIo, "no"); }); });
  EXPECT_NE(other->pin(key(1)), nullptr);
  EXPECT_TRUE(is_unpinned(*locks, 1));
}

TEST(KeyLocks, WhoPinsNothingIsNoMember) {
  const TempDir dir;
  const auto member = KeyLocks::open(dir.path("pins"));
  const auto idle = KeyLocks::open(dir.path("pins"));
  auto pin = member->pin(key(1));
  auto second = member->pin(key(2));
  EXPECT_EQ(member->count_members(), 1U);
  EXPECT_EQ(idle->count_members(), 2U) << "it and the other one";
  second.reset();
  EXPECT_EQ(idle->count_members(), 2U);
  pin.reset();
  EXPECT_EQ(idle->count_members(), 1U) << "the other one uses nothing any more";
  auto joined = member->join();
  pin = member->pin(key(1));
  joined.reset();
  EXPECT_EQ(idle->count_members(), 2U);
  joined = member->join();
  pin.reset();
  EXPECT_EQ(idle->count_members(), 2U);
  joined.reset();
  EXPECT_EQ(idle->count_members(), 1U);
  EXPECT_NE(pin_byte(key(1)), claim_byte(key(1)));
  EXPECT_GE(pin_byte(key(1)), KeyLocks::kMaxMembers);
}

TEST(KeyLocks, MembersAreCountedUpToTheirMost) {
  const TempDir dir;
  std::vector<std::shared_ptr<KeyLocks>> members;
  std::vector<std::shared_ptr<const KeyPin>> pins;
  for (uint64_t i = 0; i < KeyLocks::kMaxMembers + 2; ++i) {
    members.push_back(KeyLocks::open(dir.path("pins")));
    pins.push_back(members.back()->pin(key(i)));
  }
  EXPECT_EQ(members.front()->count_members(), KeyLocks::kMaxMembers);
  EXPECT_EQ(members.back()->count_members(), KeyLocks::kMaxMembers + 1) << "it has no byte";
  pins.resize(3);
  EXPECT_EQ(members.front()->count_members(), 3U);
}

TEST(KeyLocks, ThousandsOfPinsTakeOneDescriptor) {
  const TempDir dir;
  const auto locks = KeyLocks::open(dir.path("pins"));
  const auto other = KeyLocks::open(dir.path("pins"));
  std::vector<std::shared_ptr<const KeyPin>> pins;
  for (uint64_t i = 0; i < 5000; ++i) {
    pins.push_back(locks->pin(key(i)));
  }
  EXPECT_FALSE(is_unpinned(*other, 4999));
  pins.clear();
  for (uint64_t i = 0; i < 5000; ++i) {
    ASSERT_TRUE(is_unpinned(*other, i));
  }
}

}  // namespace
}  // namespace headrace
