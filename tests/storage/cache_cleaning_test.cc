#include "storage/cache_cleaning.h"

#include <filesystem>
#include <string>
#include <unistd.h>

#include <gtest/gtest.h>

#include "testing/cache_shards.h"
#include "testing/child_process.h"
#include "testing/earlier_boot.h"
#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

namespace fs = std::filesystem;

void no_poll() {}

bool has(ShardCache& cache, uint64_t number) {
  return cache.find(cache.pin(cache_key(number)), kCachedBytes) != nullptr;
}

TEST(CacheCleaning, RemovesWhatNobodyNeedsAndNothingElse) {
  const TempDir dir;
  const std::string directory = dir.path("cache");
  const auto cache = open_cache(directory, 10);
  put_shard(*cache, 1);
  put_shard(*cache, 2);
  const auto ours = put_shard(*cache, 3);
  const Handshake ready;
  const ChildProcess child([&] {
    const auto own = open_cache(directory, 10);
    const auto theirs = own->pin(cache_key(2));
    const auto fetched = reserve_shard(*own, 4);
    ready.signal();
    ::pause();
    return 0;
  });
  ready.wait();
  dir.fill("cache/notes", 10);
  dir.fill("cache/" + uuid_text(boot_id()) + "/notes", 10);

  const CacheCleaning done = clean_cache(directory, no_poll);
  EXPECT_EQ(done.removed_shards, 1U);
  EXPECT_EQ(done.removed_leftovers, 0U);
  EXPECT_EQ(done.removed_bytes, kCachedCharge);
  EXPECT_EQ(done.kept_shards, 3U);
  EXPECT_EQ(done.kept_bytes, 3 * kCachedCharge);
  EXPECT_FALSE(has(*cache, 1));
  EXPECT_TRUE(has(*cache, 2));
  EXPECT_TRUE(has(*cache, 3));
  EXPECT_EQ(cache->claim(cache_key(4)), nullptr);
  EXPECT_TRUE(fs::exists(dir.path("cache/notes")));
  EXPECT_TRUE(fs::exists(dir.path("cache/" + uuid_text(boot_id()) + "/notes")));
  EXPECT_EQ(cache->used_bytes(), 3 * kCachedCharge) << "the ledger knows it";
  EXPECT_NE(put_shard(*cache, 1), nullptr);
}

TEST(CacheCleaning, RemovesWhatTheDeadHaveLeftAndEarlierBoots) {
  const TempDir dir;
  const std::string directory = dir.path("cache");
  { put_shard(*open_cache(directory, 3), 1); }
  const std::string before = restart_machine(directory);
  leave_reservation(directory, 3, 5);
  const CacheCleaning done = clean_cache(directory, no_poll);
  EXPECT_EQ(done.removed_shards, 1U);
  EXPECT_EQ(done.removed_leftovers, 1U);
  EXPECT_EQ(done.removed_bytes, 2 * kCachedCharge);
  EXPECT_EQ(done.kept_shards, 0U);
  EXPECT_FALSE(fs::exists(before));
  EXPECT_EQ(open_cache(directory, 3)->used_bytes(), 0U);
}

TEST(CacheCleaning, CountsAnewWhereTheLedgerCannotBeTrusted) {
  const TempDir dir;
  const auto cache = open_cache(dir.path("cache"), 3);
  put_shard(*cache, 1);
  const auto kept = put_shard(*cache, 2);
  dir.fill("cache/ledger", 100);
  clean_cache(dir.path("cache"), no_poll);
  EXPECT_EQ(cache->used_bytes(), kCachedCharge);
}

TEST(CacheCleaning, StopsWhenItIsInterrupted) {
  const TempDir dir;
  const auto cache = open_cache(dir.path("cache"), 3);
  put_shard(*cache, 1);
  expect_error(ErrorCode::kCancelled, {"stop"}, [&] {
    clean_cache(dir.path("cache"), [] { throw Error(ErrorCode::kCancelled, "stop"); });
  });
  EXPECT_TRUE(has(*cache, 1));
}

TEST(CacheCleaning, TouchesNothingThatIsNoCache) {
  const TempDir dir;
  fs::create_directory(dir.path("plain"));
  dir.fill("plain/precious", 10);
  expect_error(ErrorCode::kInvalid, {"plain", "is no cache"},
               [&] { clean_cache(dir.path("plain"), no_poll); });
  EXPECT_TRUE(fs::exists(dir.path("plain/precious")));
  EXPECT_FALSE(fs::exists(dir.path("plain/pins")));
}

}  // namespace
}  // namespace headrace
