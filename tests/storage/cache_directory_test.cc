#include "storage/cache_directory.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "storage/file_locks.h"
#include "testing/child_process.h"
#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kLimit = 1 << 20;

bool no_locks(const std::string&) { return false; }

CacheDirectory open_shared(const TempDir& dir) {
  return open_cache_directory(dir.path("a/cache"), kLimit, 0, locks_exclude);
}

CacheFileName some_name(CacheFileKind kind) { return {{.xxh3 = 1}, kind}; }

void set_age(const std::string& path, std::chrono::hours age) {
  fs::last_write_time(path, fs::file_time_type::clock::now() - age);
}

TEST(CacheDirectory, IsMadeAndMarked) {
  const TempDir dir;
  const CacheDirectory opened = open_shared(dir);
  EXPECT_EQ(opened.paths.root(), dir.path("a/cache"));
  EXPECT_FALSE(opened.is_private);
  EXPECT_EQ(opened.limit_bytes, kLimit);
  EXPECT_TRUE(fs::is_directory(opened.paths.boot(boot_id())));
  std::ifstream tag(opened.paths.tag());
  std::string line;
  std::getline(tag, line);
  EXPECT_EQ(line, "Signature: 8a477f597d28d172789f06886806bc55");
  EXPECT_EQ(open_shared(dir).paths.root(), opened.paths.root());
}

TEST(CacheDirectory, ListsWhatIsOursAndNamesWhatIsNot) {
  const TempDir dir;
  const CacheDirectory opened = open_shared(dir);
  const std::string boot = "a/cache/" + uuid_text(opened.boot) + "/";
  dir.fill(boot + cache_file_name(some_name(CacheFileKind::kShard).key, CacheFileKind::kShard), 9);
  const Uuid before = make_uuid();
  fs::create_directory(opened.paths.boot(before));
  fs::create_directory(opened.paths.part(before, {.xxh3 = 2}));
  dir.fill("a/cache/mine.txt", 5);
  dir.fill("a/cache/" + uuid_text(before) + ".loads.json", 5);
  dir.fill(boot + "mine.txt", 5);
  const CacheListing listing = list_cache(opened.paths);
  ASSERT_EQ(listing.files.size(), 1U);
  EXPECT_EQ(listing.files[0].name, some_name(CacheFileKind::kShard));
  EXPECT_EQ(listing.files[0].bytes, 9U);
  EXPECT_EQ(listing.files[0].boot, opened.boot);
  EXPECT_EQ(listing.boots.size(), 2U);
  EXPECT_EQ(listing.foreign.size(), 3U) << "two files, and a directory with a name of ours";
  EXPECT_NE(std::ranges::find(listing.foreign, dir.path("a/cache/mine.txt")),
            listing.foreign.end());
}

TEST(CacheDirectory, WithoutLocksIsPrivateAndHasAShare) {
  const TempDir dir;
  const auto one = open_cache_directory(dir.path("cache"), kLimit, 4, no_locks);
  const auto two = open_cache_directory(dir.path("cache"), kLimit, 0, no_locks);
  EXPECT_TRUE(one.is_private);
  EXPECT_NE(one.paths.root(), two.paths.root());
  EXPECT_EQ(one.limit_bytes, kLimit / 4);
  EXPECT_EQ(two.limit_bytes, kLimit / 8);
  EXPECT_TRUE(list_cache(CachePaths(dir.path("cache"))).foreign.empty());
}

TEST(CacheDirectory, RemovesPrivateOnesOfTheDead) {
  const TempDir dir;
  const std::string cache = dir.path("cache");
  ChildProcess child([&] {
    const auto own = open_cache_directory(cache, kLimit, 4, no_locks);
    std::ofstream(own.paths.ledger()) << "ledger";
    std::ofstream(own.paths.shard(own.boot, {.xxh3 = 1})) << "shard";
    return 0;
  });
  EXPECT_EQ(child.wait(), 0);
  const auto find_ledger = [&] {
    for (const auto& entry : fs::directory_iterator(cache)) {
      if (fs::exists(entry.path() / "ledger")) {
        return (entry.path() / "ledger").string();
      }
    }
    return std::string();
  };
  open_cache_directory(cache, kLimit, 4, no_locks);
  ASSERT_NE(find_ledger(), "") << "who cannot be seen may live in another container";
  set_age(find_ledger(), std::chrono::hours(2));
  open_cache_directory(cache, kLimit, 4, no_locks);
  EXPECT_EQ(find_ledger(), "");
}

TEST(CacheDirectory, KeepsWhatAUserPutIntoAPrivateOne) {
  const TempDir dir;
  const auto own = open_cache_directory(dir.path("cache"), kLimit, 4, no_locks);
  std::ofstream(own.paths.shard(own.boot, {.xxh3 = 1})) << "shard";
  std::ofstream(own.paths.root() + "/mine") << "mine";
  remove_private_directory(own.paths);
  EXPECT_TRUE(fs::exists(own.paths.root() + "/mine"));
  EXPECT_FALSE(fs::exists(own.paths.boot(own.boot)));
}

TEST(CacheDirectory, ThatCannotBeWrittenSaysWhatToDo) {
  const TempDir dir;
  dir.fill("file", 3);
  expect_error(ErrorCode::kInvalid, {"file", "not a directory"},
               [&] { open_cache_directory(dir.path("file"), kLimit, 0, locks_exclude); });
  // A directory that even root may not write.
  expect_error(ErrorCode::kIo, {"/proc", "cannot be written", "choose another one (cache=)"},
               [&] { open_cache_directory("/proc/self", kLimit, 0, locks_exclude); });
}

}  // namespace
}  // namespace headrace
