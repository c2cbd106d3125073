#include "storage/mapped_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/page_cache.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

namespace fs = std::filesystem;

using MapPtr = std::shared_ptr<const MappedFile>;

std::vector<std::byte> numbered(size_t size) {
  std::vector<std::byte> bytes(size);
  for (size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<std::byte>(i * 7 + i / 256);
  }
  return bytes;
}

uint64_t open_descriptors() {
  return static_cast<uint64_t>(std::distance(fs::directory_iterator("/proc/self/fd"), {}));
}

TEST(MappedFile, HoldsTheBytesOfTheFile) {
  const TempDir dir;
  const std::vector<std::byte> bytes = numbered(10'000);
  const std::string path = dir.write("a", bytes);
  const MapPtr map = MappedFile::open(File(path));
  ASSERT_NE(map, nullptr);
  EXPECT_EQ(map->path(), path);
  ASSERT_EQ(map->size(), 10'000U);
  EXPECT_EQ(std::memcmp(map->data(), bytes.data(), bytes.size()), 0);
}

TEST(MappedFile, KeepsNoDescriptor) {
  const TempDir dir;
  dir.fill("a", 100);
  const uint64_t before = open_descriptors();
  const MapPtr map = MappedFile::open(File(dir.path("a")));
  EXPECT_EQ(open_descriptors(), before);
}

TEST(MappedFile, ContainsExactlyItsOwnBytes) {
  const TempDir dir;
  const MapPtr map = MappedFile::open(File(dir.fill("a", 100)));
  EXPECT_TRUE(map->contains(map->data()));
  EXPECT_TRUE(map->contains(map->data() + 99));
  EXPECT_FALSE(map->contains(map->data() + 100));
  EXPECT_FALSE(map->contains(map->data() - 1));
  EXPECT_FALSE(map->contains(nullptr));
}

TEST(MappedFile, OfAnEmptyFileIsNotToBeHad) {
  const TempDir dir;
  EXPECT_EQ(MappedFile::open(File(dir.fill("a", 0))), nullptr);
}

TEST(Advise, TakesAnyStretchOfTheMap) {
  const TempDir dir;
  const MapPtr map = MappedFile::open(File(dir.write("a", numbered(300'000))));
  const std::vector<std::byte> bytes = numbered(300'000);
  for (const uint64_t offset : {0, 1, 4095, 4096, 299'999}) {
    for (const Advice advice : {Advice::kWillNeed, Advice::kUsed}) {
      map->advise(map->data() + offset, 300'000 - offset, advice);
      map->advise(map->data() + offset, 0, advice);
    }
  }
  EXPECT_EQ(std::memcmp(map->data(), bytes.data(), bytes.size()), 0);
}

TEST(Advise, LetsGoOfUsedPagesAndOfNoOthers) {
  const TempDir dir;
  const std::vector<std::byte> bytes = numbered(100 * 4096);
  const MapPtr map = MappedFile::open(File(dir.write("a", bytes)));
  EXPECT_EQ(std::memcmp(map->data(), bytes.data(), bytes.size()), 0);
  // The kernel may take pages away at any time, but not many of so few.
  ASSERT_GE(held_pages(map->data() + 10 * 4096, 30 * 4096), 1U);
  map->advise(map->data() + 10 * 4096, 30 * 4096, Advice::kUsed);
  EXPECT_GE(held_pages(map->data(), bytes.size()), 35U);
  EXPECT_EQ(held_pages(map->data() + 10 * 4096, 30 * 4096), 0U);
  EXPECT_EQ(std::memcmp(map->data(), bytes.data(), bytes.size()), 0) << "and can be read again";
}

TEST(CheckSize, PassesForAnUntouchedOrGrownFile) {
  const TempDir dir;
  const MapPtr map = MappedFile::open(File(dir.fill("a", 100)));
  map->check_size();
  fs::resize_file(dir.path("a"), 5000);
  map->check_size();
}

TEST(CheckSize, FindsACutInsideAPage) {
  const TempDir dir;
  const MapPtr map = MappedFile::open(File(dir.fill("a", 100)));
  fs::resize_file(dir.path("a"), 99);
  const Error error =
      expect_error(ErrorCode::kTruncated, {dir.path("a"), "at least 100 bytes", "found 99"},
                   [&] { map->check_size(); });
  EXPECT_EQ(error.context().file, dir.path("a"));
  EXPECT_EQ(error.context().offset, 99U);
}

TEST(CheckSize, PassesForADeletedFileWhoseBytesStay) {
  const TempDir dir;
  const MapPtr map = MappedFile::open(File(dir.fill("a", 100, std::byte{9})));
  fs::remove(dir.path("a"));
  map->check_size();
  EXPECT_EQ(map->data()[99], std::byte{9});
}

TEST(CheckSize, PassesForAReplacedFileWhoseOldBytesStay) {
  const TempDir dir;
  const MapPtr map = MappedFile::open(File(dir.fill("a", 100, std::byte{9})));
  fs::rename(dir.fill("b", 3), dir.path("a"));
  map->check_size();
  EXPECT_EQ(map->data()[99], std::byte{9});
}

TEST(MaxMaps, IsHalfOfWhatTheKernelAllows) {
  uint64_t allowed = 0;
  if (!(std::ifstream("/proc/sys/vm/max_map_count") >> allowed)) {
    GTEST_SKIP() << "/proc/sys/vm/max_map_count cannot be read";
  }
  EXPECT_EQ(MappedFile::max_maps(), allowed / 2);
}

TEST(MappedFile, IsNotToBeHadBeyondTheLimitUntilOneIsReleased) {
  if (MappedFile::max_maps() > 100'000) {
    GTEST_SKIP() << "vm.max_map_count is raised here; reaching it would take too long";
  }
  const TempDir dir;
  const std::string path = dir.fill("a", 1);
  std::vector<MapPtr> maps;
  while (maps.size() <= MappedFile::max_maps()) {
    MapPtr map = MappedFile::open(File(path));
    if (map == nullptr) {
      break;
    }
    maps.push_back(std::move(map));
  }
  EXPECT_EQ(maps.size(), MappedFile::max_maps());
  maps.pop_back();
  EXPECT_NE(MappedFile::open(File(path)), nullptr);
}

TEST(MappedFile, IsNotToBeHadWithoutAddressSpace) {
  // A sparse file beyond the limit: the kernel answers ENOMEM, and the caller must read instead.
  const TempDir dir;
  const std::string path = dir.fill("a", 1);
  fs::resize_file(path, uint64_t{1} << 40);
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &before), 0);
  rlimit small = before;
  small.rlim_cur = uint64_t{1} << 39;
  if (before.rlim_max != RLIM_INFINITY && small.rlim_cur > before.rlim_max) {
    GTEST_SKIP() << "the address space is limited already";
  }
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &small), 0);
  const MapPtr map = MappedFile::open(File(path));
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &before), 0);
  EXPECT_EQ(map, nullptr);
}

}  // namespace
}  // namespace headrace
