#include "storage/cache_report.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <unistd.h>

#include <gtest/gtest.h>

#include "testing/cache_shards.h"
#include "testing/child_process.h"
#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

namespace fs = std::filesystem;

std::map<uint64_t, CacheFileUse> uses(const CacheReport& report) {
  std::map<uint64_t, CacheFileUse> by_number;
  for (const ReportedFile& reported : report.files) {
    by_number[reported.file.name.key.xxh3] = reported.use;
  }
  return by_number;
}

TEST(CacheReport, SaysWhatLiesThereAndWhoNeedsIt) {
  const TempDir dir;
  const std::string directory = dir.path("cache");
  leave_reservation(directory, 9, 5);
  const auto cache = open_cache(directory, 10);
  put_shard(*cache, 1);
  const auto ours = put_shard(*cache, 2);
  const Handshake ready;
  const ChildProcess child([&] {
    const auto own = open_cache(directory, 10);
    const auto theirs = own->find(own->pin(cache_key(2)), kCachedBytes);
    const auto more = put_shard(*own, 3);
    const auto fetched = reserve_shard(*own, 4);
    const auto second = open_cache(directory, 10);  // as of another dataset
    const auto member = second->join();
    ready.signal();
    ::pause();
    return 0;
  });
  ready.wait();
  dir.fill("cache/notes", 10);

  const CacheReport report = report_cache(directory);
  using enum CacheFileUse;
  EXPECT_EQ(report.limit_bytes, 10 * kCachedCharge) << "of who used it last";
  EXPECT_EQ(uses(report), (std::map<uint64_t, CacheFileUse>{
                              {1, kFree}, {2, kPinned}, {3, kPinned}, {4, kFetched}}))
      << "the sweep of who came later took what the dead had left";
  EXPECT_EQ(report.foreign, (std::vector<std::string>{directory + "/notes"}));
  ASSERT_EQ(report.users.size(), 2U);
  EXPECT_EQ(report.unseen_users, 0U);
  for (const CacheUser& user : report.users) {
    const bool theirs = user.process == child.id();
    EXPECT_TRUE(theirs || user.process == ::getpid());
    EXPECT_EQ(user.pinned_shards, theirs ? 2U : 1U);
    EXPECT_EQ(user.pinned_bytes, (theirs ? 2 : 1) * kCachedCharge);
    EXPECT_EQ(user.fetched_shards, theirs ? 1U : 0U);
  }
  EXPECT_EQ(cache->share_bytes(), 10 * kCachedCharge / 3) << "who looks is no member";
}

TEST(CacheReport, ShowsWhatTheDeadHaveLeft) {
  const TempDir dir;
  const Handshake reserved;
  ChildProcess victim([&] {
    const auto own = open_cache(dir.path("cache"), 3);
    const auto left = reserve_shard(*own, 5);
    reserved.signal();
    ::pause();
    return 0;
  });
  reserved.wait();
  EXPECT_EQ(uses(report_cache(dir.path("cache"))).at(5), CacheFileUse::kFetched);
  victim.kill();
  const CacheReport report = report_cache(dir.path("cache"));
  EXPECT_EQ(uses(report).at(5), CacheFileUse::kLeftover);
  EXPECT_TRUE(report.users.empty());
}

TEST(CacheReport, ShowsThePrivateDirectoriesOfProcesses) {
  const TempDir dir;
  const auto cache = ShardCache::open({.directory = dir.path("cache"),
                                       .limit_bytes = 80 * kCachedCharge,
                                       .lock_test = [](const std::string&) { return false; }});
  const auto shard = put_shard(*cache, 1);
  const CacheReport report = report_cache(dir.path("cache"));
  EXPECT_TRUE(report.files.empty());
  EXPECT_TRUE(report.foreign.empty());
  EXPECT_EQ(report.limit_bytes, 0U) << "nobody has said it of the whole";
  ASSERT_EQ(report.privates.size(), 1U);
  EXPECT_EQ(report.privates[0].directory, cache->directory());
  EXPECT_EQ(report.privates[0].limit_bytes, 10 * kCachedCharge);
  EXPECT_EQ(uses(report.privates[0]).at(1), CacheFileUse::kPinned);
}

TEST(CacheReport, ChangesNothing) {
  const TempDir dir;
  { put_shard(*open_cache(dir.path("cache"), 3), 1); }
  fs::remove(dir.path("cache/pins"));
  fs::remove(dir.path("cache/ledger"));
  const CacheReport report = report_cache(dir.path("cache"));
  EXPECT_EQ(uses(report).at(1), CacheFileUse::kFree);
  EXPECT_EQ(report.limit_bytes, 0U);
  EXPECT_FALSE(fs::exists(dir.path("cache/pins")));
  EXPECT_FALSE(fs::exists(dir.path("cache/ledger")));
}

TEST(CacheReport, OfAnythingElseIsAnError) {
  const TempDir dir;
  fs::create_directory(dir.path("plain"));
  expect_error(ErrorCode::kInvalid, {"plain", "is no cache", "cache="},
               [&] { report_cache(dir.path("plain")); });
  fs::create_directory(dir.path("tagged"));
  dir.fill("tagged/CACHEDIR.TAG", 200);
  expect_error(ErrorCode::kInvalid, {"tagged", "is no cache"},
               [&] { report_cache(dir.path("tagged")); });
  expect_error(ErrorCode::kNotFound, {"absent"}, [&] { report_cache(dir.path("absent")); });
}

}  // namespace
}  // namespace headrace
