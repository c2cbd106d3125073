#include "storage/file.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/page_cache.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

namespace fs = std::filesystem;

std::vector<std::byte> numbered(size_t size) {
  std::vector<std::byte> bytes(size);
  for (size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<std::byte>(i * 7 + i / 256);
  }
  return bytes;
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

TEST(InspectFile, TellsWhenAFileWasWritten) {
  const TempDir dir;
  const std::string path = dir.fill("a", 5);
  const FileInfo before = inspect_file(path);
  EXPECT_EQ(File(path).info(), before);
  fs::last_write_time(path, fs::last_write_time(path) + std::chrono::nanoseconds(1500));
  const FileInfo after = inspect_file(path);
  EXPECT_EQ(after.modified_ns - before.modified_ns, 1500);
  EXPECT_NE(after, before);
}

TEST(File, CanBeLookedAtAgain) {
  const TempDir dir;
  const std::string path = dir.fill("a", 5);
  const File file(path);
  fs::resize_file(path, 8);
  EXPECT_EQ(file.info().size, 5U);
  EXPECT_EQ(file.look().size, 8U);
  fs::remove(path);
  EXPECT_EQ(file.look().inode, file.info().inode);
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
INSTANTIATE_TEST_SUITE_P(File, WrongPath,
                         testing::Values([](const std::string& path) { const File file(path); }));

TEST(File, ReadsAnyStretch) {
  const TempDir dir;
  const std::vector<std::byte> bytes = numbered(9000);
  const std::string path = dir.write("a", bytes);
  for (const uint64_t offset : {0, 1, 4095, 8999, 9000}) {
    std::vector<std::byte> out(bytes.size() - offset);
    File(path).read(offset, out);
    EXPECT_TRUE(std::equal(out.begin(), out.end(), bytes.end() - static_cast<int64_t>(out.size())))
        << offset;
  }
}

TEST(File, OfAShorterFileIsTruncatedAndSaysHowFarItGot) {
  const TempDir dir;
  const std::string path = dir.fill("a", 100);
  std::array<std::byte, 21> out = {};
  const Error error = expect_error(ErrorCode::kTruncated, {path, "at least 101 bytes", "found 100"},
                                   [&] { File(path).read(80, out); });
  EXPECT_EQ(error.context().file, path);
  EXPECT_EQ(error.context().offset, 100U);
  expect_error(ErrorCode::kTruncated, {path}, [&] { File(path).read(5000, out); });
}

TEST(File, RefusesAnotherFileThanTheExpectedOne) {
  const TempDir dir;
  const FileInfo expected = inspect_file(dir.fill("a", 10));
  EXPECT_EQ(File(dir.path("a"), expected).info().inode, expected.inode);
  fs::rename(dir.fill("b", 10), dir.path("a"));
  expect_error(ErrorCode::kCorrupt, {dir.path("a"), "replaced"},
               [&] { const File file(dir.path("a"), expected); });
}

TEST(File, ReadsOnAfterItWasDeleted) {
  const TempDir dir;
  const File file(dir.fill("a", 10, std::byte{9}));
  fs::remove(dir.path("a"));
  std::array<std::byte, 10> out = {};
  file.read(0, out);
  EXPECT_EQ(out[9], std::byte{9});
}

TEST(File, TellsWhatIsInMemoryAndBringsItThere) {
  const TempDir dir;
  constexpr uint64_t kSize = 16 << 20;
  const File file(dir.fill("a", kSize));
  EXPECT_EQ(file.residency(0), Residency::kResident) << "as just written";
  if (!drop_pages(file.path())) {
    GTEST_SKIP() << "this file system keeps pages that are to be dropped";
  }
  file.expect_random();
  // Longer than the kernel reads ahead for one call.
  const uint64_t from = 4 << 20;
  const uint64_t bytes = 9 << 20;
  file.will_need(from, bytes);
  std::byte byte{};
  for (const uint64_t place : {from, from + bytes / 2, from + bytes - 1}) {
    // Whoever comes early waits for what is under way, and is not answered "absent" afterwards.
    file.read(place, {&byte, 1});
  }
  for (uint64_t at = from; at < from + bytes; at += 4096) {
    ASSERT_NE(file.residency(at), Residency::kAbsent) << at - from;
  }
  EXPECT_EQ(file.residency(kSize - 4096), Residency::kAbsent) << "nobody asked for it";
}

TEST(File, RefusesALinkWhereNoneMayBe) {
  const TempDir dir;
  fs::create_symlink(dir.fill("a", 5), dir.path("link"));
  EXPECT_EQ(File(dir.path("link")).info().size, 5U);
  EXPECT_EQ(File(dir.path("a"), std::nullopt, Links::kRefuse).info().size, 5U);
  const Error error = expect_error(ErrorCode::kCorrupt, {dir.path("link"), "symbolic link"}, [&] {
    const File file(dir.path("link"), std::nullopt, Links::kRefuse);
  });
  EXPECT_EQ(error.context().file, dir.path("link"));
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
