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

TEST(InspectFile, GivesSizeAndIdentity) {
  const TempDir dir;
  const std::string a = dir.fill("a", 5);
  const std::string b = dir.fill("b", 0);
  EXPECT_EQ(inspect_file(a).size, 5U);
  EXPECT_EQ(inspect_file(b).size, 0U);
  EXPECT_NE(inspect_file(a).inode, inspect_file(b).inode);
  EXPECT_EQ(inspect_file(a).device, inspect_file(b).device);
}

TEST(InspectFile, FollowsLinks) {
  const TempDir dir;
  fs::create_symlink(dir.fill("a", 5), dir.path("link"));
  EXPECT_EQ(inspect_file(dir.path("link")).size, 5U);
}

// What every way of looking at a path must say about paths that are no plain files.
class WrongPath : public testing::TestWithParam<void (*)(const std::string&)> {};

TEST_P(WrongPath, AMissingFileIsNotFound) {
  const TempDir dir;
  const Error error =
      expect_error(ErrorCode::kNotFound, {"absent"}, [&] { GetParam()(dir.path("absent")); });
  EXPECT_EQ(error.context().file, dir.path("absent"));
}

TEST_P(WrongPath, ADirectoryIsInvalidAndTheMessageSaysWhatToDo) {
  const TempDir dir;
  const Error error = expect_error(ErrorCode::kInvalid, {dir.path(), "a directory", "glob"},
                                   [&] { GetParam()(dir.path()); });
  EXPECT_EQ(error.context().file, dir.path());
}

TEST_P(WrongPath, APipeIsInvalidAndDoesNotHang) {
  const TempDir dir;
  ASSERT_EQ(::mkfifo(dir.path("pipe").c_str(), 0600), 0);
  expect_error(ErrorCode::kInvalid, {"pipe", "not a regular file"},
               [&] { GetParam()(dir.path("pipe")); });
}

TEST_P(WrongPath, ADeviceIsInvalid) {
  expect_error(ErrorCode::kInvalid, {"/dev/zero", "not a regular file"},
               [&] { GetParam()("/dev/zero"); });
}

TEST_P(WrongPath, ADanglingLinkIsNotFound) {
  const TempDir dir;
  fs::create_symlink(dir.path("absent"), dir.path("link"));
  expect_error(ErrorCode::kNotFound, {"link"}, [&] { GetParam()(dir.path("link")); });
}

TEST_P(WrongPath, AFileInPlaceOfAFolderIsAnIoError) {
  const TempDir dir;
  const std::string path = dir.fill("file", 1) + "/inside";
  expect_error(ErrorCode::kIo, {"file/inside", "Not a directory"}, [&] { GetParam()(path); });
}

INSTANTIATE_TEST_SUITE_P(InspectFile, WrongPath,
                         testing::Values([](const std::string& path) { inspect_file(path); }));
INSTANTIATE_TEST_SUITE_P(MappedFile, WrongPath, testing::Values([](const std::string& path) {
                           MappedFile::open(path, 1);
                         }));

TEST(MappedFile, HoldsTheBytesOfTheFile) {
  const TempDir dir;
  const std::vector<std::byte> bytes = numbered(10'000);
  const std::string path = dir.write("a", bytes);
  const MapPtr map = MappedFile::open(path, 10'000);
  ASSERT_NE(map, nullptr);
  EXPECT_EQ(map->path(), path);
  ASSERT_EQ(map->size(), 10'000U);
  EXPECT_EQ(std::memcmp(map->data(), bytes.data(), bytes.size()), 0);
}

TEST(MappedFile, KeepsNoDescriptor) {
  const TempDir dir;
  dir.fill("a", 100);
  const uint64_t before = open_descriptors();
  const MapPtr map = MappedFile::open(dir.path("a"), 1);
  expect_error(ErrorCode::kTruncated, {}, [&] { MappedFile::open(dir.path("a"), 101); });
  EXPECT_EQ(open_descriptors(), before);
}

TEST(MappedFile, ContainsExactlyItsOwnBytes) {
  const TempDir dir;
  const MapPtr map = MappedFile::open(dir.fill("a", 100), 100);
  EXPECT_TRUE(map->contains(map->data()));
  EXPECT_TRUE(map->contains(map->data() + 99));
  EXPECT_FALSE(map->contains(map->data() + 100));
  EXPECT_FALSE(map->contains(map->data() - 1));
  EXPECT_FALSE(map->contains(nullptr));
}

TEST(MappedFile, OfAnEmptyFileIsNotToBeHad) {
  const TempDir dir;
  EXPECT_EQ(MappedFile::open(dir.fill("a", 0), 0), nullptr);
}

TEST(MappedFile, RefusesAFileThatIsShorterThanExpected) {
  const TempDir dir;
  const std::string path = dir.fill("a", 99);
  const Error error = expect_error(ErrorCode::kTruncated, {path, "at least 100 bytes", "found 99"},
                                   [&] { MappedFile::open(path, 100); });
  EXPECT_EQ(error.context().file, path);
  EXPECT_EQ(error.context().offset, 99U);
  expect_error(ErrorCode::kTruncated, {"found 0"},
               [&] { MappedFile::open(dir.fill("empty", 0), 1); });
}

TEST(MappedFile, TakesAFileThatIsLongerThanExpected) {
  const TempDir dir;
  EXPECT_EQ(MappedFile::open(dir.fill("a", 200), 100)->size(), 200U);
}

TEST(CheckSize, PassesForAnUntouchedOrGrownFile) {
  const TempDir dir;
  const MapPtr map = MappedFile::open(dir.fill("a", 100), 100);
  map->check_size();
  fs::resize_file(dir.path("a"), 5000);
  map->check_size();
}

TEST(CheckSize, FindsACutInsideAPage) {
  const TempDir dir;
  const MapPtr map = MappedFile::open(dir.fill("a", 100), 100);
  fs::resize_file(dir.path("a"), 99);
  const Error error =
      expect_error(ErrorCode::kTruncated, {dir.path("a"), "at least 100 bytes", "found 99"},
                   [&] { map->check_size(); });
  EXPECT_EQ(error.context().file, dir.path("a"));
  EXPECT_EQ(error.context().offset, 99U);
}

TEST(CheckSize, PassesForADeletedFileWhoseBytesStay) {
  const TempDir dir;
  const MapPtr map = MappedFile::open(dir.fill("a", 100, std::byte{9}), 100);
  fs::remove(dir.path("a"));
  map->check_size();
  EXPECT_EQ(map->data()[99], std::byte{9});
}

TEST(CheckSize, PassesForAReplacedFileWhoseOldBytesStay) {
  const TempDir dir;
  const MapPtr map = MappedFile::open(dir.fill("a", 100, std::byte{9}), 100);
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
    MapPtr map = MappedFile::open(path, 1);
    if (map == nullptr) {
      break;
    }
    maps.push_back(std::move(map));
  }
  EXPECT_EQ(maps.size(), MappedFile::max_maps());
  maps.pop_back();
  EXPECT_NE(MappedFile::open(path, 1), nullptr);
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
  const MapPtr map = MappedFile::open(path, 1);
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &before), 0);
  EXPECT_EQ(map, nullptr);
}

TEST(ReadFile, ReadsAnyStretch) {
  const TempDir dir;
  const std::vector<std::byte> bytes = numbered(9000);
  const std::string path = dir.write("a", bytes);
  for (const uint64_t offset : {0, 1, 4095, 8999, 9000}) {
    std::vector<std::byte> out(bytes.size() - offset);
    read_file(path, offset, out);
    EXPECT_TRUE(std::equal(out.begin(), out.end(), bytes.end() - static_cast<int64_t>(out.size())))
        << offset;
  }
}

TEST(ReadFile, OfAShorterFileIsTruncatedAndSaysHowFarItGot) {
  const TempDir dir;
  const std::string path = dir.fill("a", 100);
  std::array<std::byte, 21> out = {};
  const Error error = expect_error(ErrorCode::kTruncated, {path, "at least 101 bytes", "found 100"},
                                   [&] { read_file(path, 80, out); });
  EXPECT_EQ(error.context().file, path);
  EXPECT_EQ(error.context().offset, 100U);
  expect_error(ErrorCode::kTruncated, {path}, [&] { read_file(path, 5000, out); });
}

TEST(ReadFile, OfAMissingFileIsNotFoundAndOfADirectoryIo) {
  const TempDir dir;
  std::array<std::byte, 1> out = {};
  expect_error(ErrorCode::kNotFound, {"absent"}, [&] { read_file(dir.path("absent"), 0, out); });
  expect_error(ErrorCode::kIo, {dir.path()}, [&] { read_file(dir.path(), 0, out); });
}

TEST(ReadFile, OfAPipeFailsAndDoesNotHang) {
  const TempDir dir;
  ASSERT_EQ(::mkfifo(dir.path("pipe").c_str(), 0600), 0);
  std::array<std::byte, 1> out = {};
  expect_error(ErrorCode::kIo, {"pipe"}, [&] { read_file(dir.path("pipe"), 0, out); });
}

TEST(ReadFileHead, ReadsWhatThereIs) {
  const TempDir dir;
  const std::vector<std::byte> bytes = numbered(100);
  const std::string path = dir.write("a", bytes);
  for (const size_t room : {0, 1, 99, 100, 101, 5000}) {
    std::vector<std::byte> out(room, std::byte{0xEE});
    const uint64_t got = read_file_head(path, out);
    ASSERT_EQ(got, std::min<uint64_t>(room, 100));
    EXPECT_TRUE(std::equal(out.begin(), out.begin() + static_cast<int64_t>(got), bytes.begin()));
  }
  expect_error(ErrorCode::kNotFound, {"absent"}, [&] {
    std::array<std::byte, 1> out = {};
    read_file_head(dir.path("absent"), out);
  });
}

}  // namespace
}  // namespace headrace
