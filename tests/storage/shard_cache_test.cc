#include "storage/shard_cache.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "testing/child_process.h"
#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kShardBytes = 8000;  // counted as 8192
constexpr uint64_t kCharge = 8192;

CacheKey key(uint64_t number) { return {.dataset = {9}, .xxh3 = number}; }

std::vector<std::byte> content(uint64_t number) {
  return std::vector<std::byte>(kShardBytes, static_cast<std::byte>(number));
}

class ShardCacheTest : public testing::Test {
 protected:
  std::shared_ptr<ShardCache> open(uint64_t shards = 3, const LockTest& test = locks_exclude) {
    return ShardCache::open({.directory = dir_.path("cache"),
                             .limit_bytes = shards * kCharge,
                             .next_use =
                                 [this](const CacheKey& wanted) {
                                   const auto found = next_.find(wanted.xxh3);
                                   return found == next_.end() ? kNoKnownUse : found->second;
                                 },
                             .lock_test = test});
  }

  // Room for a shard that is used at `position`; nothing where there is none.
  static std::shared_ptr<Reservation> reserve(ShardCache& cache, uint64_t number,
                                              uint64_t position = 0) {
    auto claim = cache.claim(key(number));
    EXPECT_NE(claim, nullptr);
    return claim == nullptr ? nullptr : cache.reserve(claim, {.bytes = kShardBytes}, position);
  }

  static std::shared_ptr<const CachedShard> put(ShardCache& cache, uint64_t number,
                                                uint64_t position = 0) {
    const auto pin = cache.pin(key(number));
    const auto reservation = reserve(cache, number, position);
    if (reservation == nullptr) {
      return nullptr;
    }
    reservation->file().write(0, content(number));
    return cache.publish(*reservation, pin);
  }

  // The same, asking again for a while, as fetchers do.
  static std::shared_ptr<const CachedShard> put_soon(ShardCache& cache, uint64_t number) {
    std::shared_ptr<const CachedShard> shard;
    for (int i = 0; i < 200 && shard == nullptr; ++i) {
      shard = put(cache, number);
      ::usleep(shard == nullptr ? 10'000 : 0);
    }
    return shard;
  }

  static bool has(ShardCache& cache, uint64_t number) {
    return cache.find(cache.pin(key(number)), kShardBytes) != nullptr;
  }

  std::string boot_directory() const { return dir_.path("cache/" + uuid_text(boot_id())); }

  uint64_t files() const {
    uint64_t count = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator(boot_directory())) {
      ++count;
    }
    return count;
  }

  TempDir dir_;
  std::map<uint64_t, uint64_t> next_;
};

TEST_F(ShardCacheTest, GivesBackWhatWasPutThere) {
  const auto cache = open();
  EXPECT_FALSE(has(*cache, 1));
  const auto shard = put(*cache, 1);
  ASSERT_NE(shard, nullptr);
  EXPECT_EQ(shard->map()->size(), kShardBytes);
  EXPECT_EQ(shard->map()->data()[17], std::byte{1});
  EXPECT_TRUE(has(*cache, 1));
  EXPECT_TRUE(has(*open(), 1)) << "any process sees it";
  EXPECT_FALSE(has(*cache, 2));
  EXPECT_EQ(cache->used_bytes(), kCharge);
}

TEST_F(ShardCacheTest, TakesRoomBeforeTheFirstByteAndGivesItBackWithoutOne) {
  const auto cache = open();
  auto reservation = reserve(*cache, 1);
  EXPECT_EQ(cache->used_bytes(), kCharge);
  EXPECT_EQ(open()->used_bytes(), kCharge);
  EXPECT_FALSE(has(*cache, 1));
  EXPECT_EQ(files(), 1U);
  reservation.reset();
  EXPECT_EQ(cache->used_bytes(), 0U);
  EXPECT_EQ(files(), 0U);
  EXPECT_NE(cache->claim(key(1)), nullptr);
}

TEST_F(ShardCacheTest, NeverRemovesWhatSomebodyHasPinned) {
  const auto cache = open(2);
  const auto other = open(2);
  const auto first = put(*cache, 1);
  const auto second = other->find(other->pin(key(1)), kShardBytes);
  put(*cache, 2);
  const auto elsewhere = other->pin(key(2));
  EXPECT_EQ(put(*cache, 3), nullptr) << "1 is mapped, 2 is pinned by another";
  EXPECT_EQ(cache->used_bytes(), 2 * kCharge);
  EXPECT_TRUE(has(*cache, 1));
  EXPECT_TRUE(has(*cache, 2));
}

TEST_F(ShardCacheTest, RemovesInTheOrderOfNextUses) {
  next_ = {{1, 10}, {2, kLaterPass + 1}, {3, 30}, {4, 20}};
  const auto cache = open(3);
  for (const uint64_t number : {1, 2, 3}) {
    ASSERT_NE(put(*cache, number), nullptr);
    cache->release(key(number), next_[number]);
  }
  ASSERT_NE(put(*cache, 4, 20), nullptr);
  EXPECT_FALSE(has(*cache, 2)) << "it is dead for this pass";
  cache->release(key(4), 20);
  ASSERT_NE(put(*cache, 5, 15), nullptr);
  EXPECT_FALSE(has(*cache, 3));
  EXPECT_TRUE(has(*cache, 1));
  EXPECT_TRUE(has(*cache, 4));
}

TEST_F(ShardCacheTest, RemovesWhatIsDeadForAnotherProcessFirst) {
  const auto one = open(3);
  const auto two = open(3);
  for (const uint64_t number : {1, 2, 3}) {
    put(*one, number);
    one->release(key(number), number == 2 ? kLaterPass : 7);
  }
  ASSERT_NE(put(*two, 4), nullptr);
  EXPECT_FALSE(has(*two, 2));
  EXPECT_TRUE(has(*two, 1));
  EXPECT_TRUE(has(*two, 3));
}

TEST_F(ShardCacheTest, KeepsWhatIsUsedBeforeWhatNeedsTheRoom) {
  next_ = {{1, 10}};
  const auto cache = open(1);
  put(*cache, 1);
  cache->release(key(1), 10);
  EXPECT_EQ(put(*cache, 2, 11), nullptr);
  EXPECT_TRUE(has(*cache, 1));
  EXPECT_NE(put(*cache, 2, 9), nullptr);
  EXPECT_FALSE(has(*cache, 1));
}

TEST_F(ShardCacheTest, WhatIsStillReadWhenItIsReleasedGoesFirstAfterwards) {
  const auto cache = open();
  auto reader = put(*cache, 1);
  next_ = {{1, kLaterPass}, {2, 20}, {3, 30}};
  cache->release(key(1), kLaterPass);
  for (const uint64_t shard : {2, 3}) {
    ASSERT_NE(put(*cache, shard), nullptr);
    cache->release(key(shard), next_[shard]);
  }
  EXPECT_NE(put(*cache, 4), nullptr);
  EXPECT_FALSE(has(*cache, 3)) << "the farthest of those that nobody reads";
  next_[4] = 10;
  cache->release(key(4), 10);
  reader.reset();
  EXPECT_NE(put(*cache, 5), nullptr);
  EXPECT_FALSE(has(*cache, 1));
  EXPECT_TRUE(has(*cache, 2));
}

TEST_F(ShardCacheTest, LooksForRoomAgainAfterOthersHaveUnpinned) {
  const auto one = open(1);
  const auto two = open(1);
  auto shard = put(*one, 1);
  EXPECT_EQ(put(*two, 2), nullptr);
  shard.reset();
  EXPECT_NE(put_soon(*two, 2), nullptr);
}

TEST_F(ShardCacheTest, TheRoomOfTheDeadIsFree) {
  const auto cache = open(2);
  const Handshake reserved;
  ChildProcess child([&] {
    const auto own = open(2);
    const auto first = reserve(*own, 1);
    const auto second = put(*own, 2);
    first->file().write(0, std::vector<std::byte>(100));
    reserved.signal();
    ::pause();
    return 0;
  });
  reserved.wait();
  EXPECT_EQ(cache->claim(key(1)), nullptr);
  EXPECT_EQ(cache->used_bytes(), 2 * kCharge);
  EXPECT_EQ(put(*cache, 3), nullptr);
  child.kill();
  ASSERT_NE(put(*cache, 1), nullptr) << "the same shard: what was left of it goes";
  EXPECT_EQ(cache->used_bytes(), 2 * kCharge);
  ASSERT_NE(put_soon(*cache, 3), nullptr);
  EXPECT_EQ(cache->used_bytes(), 2 * kCharge);
}

TEST_F(ShardCacheTest, PartsOfTheDeadGoWhenRoomIsNeeded) {
  const auto cache = open(1);
  const Handshake reserved;
  ChildProcess child([&] {
    const auto own = open(1);
    const auto part = reserve(*own, 1);
    reserved.signal();
    ::pause();
    return 0;
  });
  reserved.wait();
  child.kill();
  ASSERT_NE(put(*cache, 2), nullptr);
  EXPECT_EQ(files(), 1U);
}

TEST_F(ShardCacheTest, AShardOfAnEarlierBootIsCheckedBeforeItIsUsed) {
  const Uuid before = make_uuid();
  std::string name;
  {
    const auto cache = open();
    put(*cache, 1);
    name = cache_file_name(key(1), CacheFileKind::kShard);
    fs::create_directory(dir_.path("cache/" + uuid_text(before)));
    fs::rename(boot_directory() + "/" + name, dir_.path("cache/" + uuid_text(before)) + "/" + name);
    fs::remove(dir_.path("cache/ledger"));
  }
  const auto cache = open();
  EXPECT_EQ(cache->used_bytes(), kCharge) << "it takes room";
  EXPECT_FALSE(has(*cache, 1));
  {
    const auto claim = cache->claim(key(1));
    EXPECT_FALSE(cache->unchecked(*claim, kShardBytes + 1));
    const auto path = cache->unchecked(*claim, kShardBytes);
    ASSERT_TRUE(path);
    EXPECT_EQ(*path, dir_.path("cache/" + uuid_text(before)) + "/" + name);
    cache->adopt(*claim, *path);
    EXPECT_FALSE(cache->unchecked(*claim, kShardBytes));
  }
  EXPECT_TRUE(has(*cache, 1));
  EXPECT_EQ(cache->used_bytes(), kCharge);
}

TEST_F(ShardCacheTest, ADamagedShardIsReplaced) {
  const auto cache = open();
  put(*cache, 1);
  const std::string path = boot_directory() + "/" + cache_file_name(key(1), CacheFileKind::kShard);
  fs::resize_file(path, 5);
  EXPECT_FALSE(has(*cache, 1));
  EXPECT_NE(put(*cache, 1), nullptr);
  EXPECT_TRUE(has(*cache, 1));
}

// Of what is expanded, 8000 bytes or fewer, that are fetched as 3000.
constexpr ShardRoom kExpandedRoom = {.bytes = kShardBytes, .stored_bytes = 3000};
constexpr uint64_t kStoredCharge = 4096;

CacheKey expanded_key(uint64_t number) {
  CacheKey expanded = key(number);
  expanded.expanded = true;
  return expanded;
}

TEST_F(ShardCacheTest, WhatIsExpandedTakesRoomForBothUntilItIsThere) {
  const auto cache = open(2);
  const auto pin = cache->pin(expanded_key(1));
  auto claim = cache->claim(expanded_key(1));
  const auto reservation = cache->reserve(claim, kExpandedRoom, 0);
  ASSERT_NE(reservation, nullptr);
  EXPECT_EQ(reservation->file().bytes(), 3000U);
  EXPECT_EQ(reservation->expanded().bytes(), kShardBytes);
  EXPECT_EQ(cache->used_bytes(), kCharge + kStoredCharge);
  EXPECT_EQ(put(*cache, 2), nullptr) << "there is no room for it beside both";
  reservation->file().write(0, std::vector<std::byte>(3000));
  reservation->expanded().write(0, content(5));
  const auto shard = cache->publish_expanded(*reservation, pin, 4000);
  EXPECT_EQ(shard->map()->size(), 4000U);
  EXPECT_EQ(shard->map()->data()[3999], std::byte{5});
  EXPECT_EQ(cache->used_bytes(), 4096U);
  EXPECT_EQ(files(), 1U);
  EXPECT_NE(cache->find(pin, kShardBytes), nullptr) << "it may be smaller than was said";
  EXPECT_EQ(cache->find(pin, 3999), nullptr);
  EXPECT_FALSE(has(*cache, 1)) << "that is the shard as it is stored";
  EXPECT_NE(cache->claim(expanded_key(1)), nullptr);
}

TEST_F(ShardCacheTest, WhatIsNotExpandedGivesAllItsRoomBack) {
  const auto cache = open(2);
  auto claim = cache->claim(expanded_key(1));
  auto reservation = cache->reserve(claim, kExpandedRoom, 0);
  EXPECT_EQ(files(), 2U);
  reservation.reset();
  EXPECT_EQ(files(), 0U);
  EXPECT_EQ(cache->used_bytes(), 0U);
}

TEST_F(ShardCacheTest, WhatIsMadeTakesWhatItHas) {
  CacheKey made = key(1);
  made.made = true;
  const auto cache = open(3);
  const auto pin = cache->pin(made);
  auto claim = cache->claim(made);
  const auto reservation = cache->reserve(claim, {.bytes = 2 * kShardBytes}, 0);
  EXPECT_EQ(cache->used_bytes(), 4 * 4096U) << "16,000 bytes";
  reservation->file().write(0, content(7));
  cache->shorten(*reservation, 5000);
  EXPECT_EQ(cache->used_bytes(), kCharge);
  const auto shard = cache->publish(*reservation, pin);
  EXPECT_EQ(shard->map()->size(), 5000U);
  EXPECT_EQ(cache->used_bytes(), kCharge);
  EXPECT_NE(cache->find(pin, UINT64_MAX), nullptr) << "whatever size it has";
  EXPECT_EQ(cache->find(pin, 4999), nullptr);
  EXPECT_FALSE(has(*cache, 1)) << "that is one of a store";
}

TEST_F(ShardCacheTest, WhatWasShortenedAndIsNotPublishedGivesAllBack) {
  CacheKey made = key(1);
  made.made = true;
  const auto cache = open(3);
  auto claim = cache->claim(made);
  auto reservation = cache->reserve(claim, {.bytes = 2 * kShardBytes}, 0);
  cache->shorten(*reservation, 5000);
  reservation.reset();
  EXPECT_EQ(cache->used_bytes(), 0U);
  EXPECT_EQ(files(), 0U);
}

TEST_F(ShardCacheTest, BothPartsOfTheDeadGo) {
  const auto cache = open(2);
  for (const uint64_t wanted : {1, 2}) {  // the same shard, and another one
    const Handshake reserved;
    ChildProcess child([&] {
      const auto own = open(2);
      auto claim = own->claim(expanded_key(1));
      const auto both = own->reserve(claim, kExpandedRoom, 0);
      reserved.signal();
      ::pause();
      return 0;
    });
    reserved.wait();
    EXPECT_EQ(files(), 2U);
    child.kill();
    auto claim = cache->claim(expanded_key(wanted));
    std::shared_ptr<Reservation> reservation;
    for (int i = 0; i < 200 && reservation == nullptr; ++i) {
      reservation = cache->reserve(claim, kExpandedRoom, 0);
      ::usleep(reservation == nullptr ? 10'000 : 0);
    }
    ASSERT_NE(reservation, nullptr);
    EXPECT_EQ(files(), 2U);
    EXPECT_EQ(cache->used_bytes(), kExpandedRoom.charge());
  }
}

TEST_F(ShardCacheTest, ALimitThatHoldsNoShardBesideWhatItIsExpandedOfIsAnError) {
  const auto cache = open(1);
  auto claim = cache->claim(expanded_key(1));
  expect_error(ErrorCode::kInvalid, {"8192 bytes", "has 8000", "3000 more", "cache_bytes"},
               [&] { cache->reserve(claim, kExpandedRoom, 0); });
  constexpr uint64_t kLargest = INT64_MAX;  // as a manifest may say it
  expect_error(ErrorCode::kInvalid, {"8192 bytes"},
               [&] { cache->reserve(claim, {.bytes = kLargest, .stored_bytes = kLargest}, 0); });
}

TEST_F(ShardCacheTest, LeavesFilesOfOthersAlone) {
  const auto cache = open(1);
  dir_.fill("cache/mine", 100'000);
  dir_.fill("cache/" + uuid_text(boot_id()) + "/mine", 100'000);
  for (uint64_t number = 1; number < 5; ++number) {
    ASSERT_NE(put(*cache, number), nullptr);
    cache->release(key(number), kNoKnownUse);
  }
  EXPECT_EQ(cache->used_bytes(), kCharge);
  EXPECT_TRUE(fs::exists(dir_.path("cache/mine")));
  EXPECT_TRUE(fs::exists(boot_directory() + "/mine"));
}

TEST_F(ShardCacheTest, ALimitThatHoldsNoShardIsAnError) {
  expect_error(ErrorCode::kInvalid, {"0 bytes", "cache_bytes"}, [&] { open(0); });
  const auto cache = open(1);
  auto claim = cache->claim(key(1));
  expect_error(ErrorCode::kInvalid, {"8192 bytes", "has 8193", "cache_bytes"},
               [&] { cache->reserve(claim, {.bytes = kCharge + 1}, 0); });
  EXPECT_NE(claim, nullptr);
}

TEST_F(ShardCacheTest, AFullDiskTakesNoRoom) {
  const auto cache =
      ShardCache::open({.directory = dir_.path("cache"), .limit_bytes = uint64_t{1} << 50});
  auto claim = cache->claim(key(1));
  expect_error(ErrorCode::kIo, {"is full"},
               [&] { cache->reserve(claim, {.bytes = uint64_t{1} << 43}, 0); });
  EXPECT_EQ(cache->used_bytes(), 0U);
  EXPECT_EQ(files(), 0U);
}

TEST_F(ShardCacheTest, SharesAreByWhoIsThereAndWhoIsExpected) {
  const auto one = open(8);
  EXPECT_EQ(one->share_bytes(), 8 * kCharge);
  const auto two = open(8);
  EXPECT_EQ(one->share_bytes(), 8 * kCharge) << "who uses nothing needs no share";
  auto member = two->join();
  EXPECT_EQ(one->share_bytes(), 4 * kCharge);
  member.reset();
  EXPECT_EQ(one->share_bytes(), 8 * kCharge);
  const auto many = ShardCache::open(
      {.directory = dir_.path("cache"), .limit_bytes = 8 * kCharge, .processes = 4});
  EXPECT_EQ(many->share_bytes(), 2 * kCharge);
  EXPECT_EQ(one->share_among(0), 8 * kCharge);
  EXPECT_EQ(one->share_among(4), 2 * kCharge);
  EXPECT_EQ(many->share_among(2), 2 * kCharge);
  EXPECT_EQ(many->share_among(8), kCharge);
}

TEST_F(ShardCacheTest, WithoutLocksEachHasItsOwnAndLeavesNothing) {
  const auto no_locks = [](const std::string&) { return false; };
  auto one = open(16, no_locks);
  auto two = open(16, no_locks);
  EXPECT_TRUE(one->is_private());
  EXPECT_EQ(one->limit_bytes(), 2 * kCharge);
  EXPECT_EQ(one->share_bytes(), 2 * kCharge);
  EXPECT_EQ(one->share_among(4), 2 * kCharge) << "it is one already";
  put(*one, 1);
  EXPECT_TRUE(has(*one, 1));
  EXPECT_FALSE(has(*two, 1));
  const std::string root = one->directory();
  EXPECT_TRUE(fs::exists(root));
  one.reset();
  EXPECT_FALSE(fs::exists(root));
}

TEST_F(ShardCacheTest, AChildDropsNothingOfItsParent) {
  auto cache = open();
  auto shard = put(*cache, 1);
  auto reservation = reserve(*cache, 2);
  ChildProcess child([&] {
    reservation.reset();
    shard.reset();
    cache.reset();
    const auto own = open();
    return has(*own, 1) && own->claim(key(2)) == nullptr && own->used_bytes() == 2 * kCharge ? 0
                                                                                             : 1;
  });
  EXPECT_EQ(child.wait(), 0);
  reservation->file().write(0, content(2));
  EXPECT_NE(cache->publish(*reservation, cache->pin(key(2))), nullptr);
}

TEST_F(ShardCacheTest, ThousandsOfShardsMakeNoReservationSlow) {
  constexpr uint64_t kShards = 2000;
  const auto cache = open(kShards);
  put(*cache, 1);
  for (uint64_t number = 2; number <= kShards; ++number) {
    const std::string path =
        boot_directory() + "/" + cache_file_name(key(number), CacheFileKind::kShard);
    std::ofstream(path).close();
    fs::resize_file(path, kShardBytes);
  }
  fs::remove(dir_.path("cache/ledger"));
  const auto later = open(kShards);
  EXPECT_EQ(later->used_bytes(), kShards * kCharge);
  const auto start = std::chrono::steady_clock::now();
  for (uint64_t number = 20'000; number < 20'100; ++number) {
    ASSERT_NE(put(*later, number), nullptr);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
  EXPECT_EQ(later->used_bytes(), kShards * kCharge);
}

}  // namespace
}  // namespace headrace
