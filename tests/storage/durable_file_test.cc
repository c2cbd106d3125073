#include "storage/durable_file.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"
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

std::vector<std::byte> content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

size_t files_in(const std::string& directory) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(directory), {}));
}

// The descriptor that was opened last, by its number: a test has few of them open.
int newest_descriptor() {
  int newest = -1;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename());
    if (fs::is_regular_file(entry.path())) {
      newest = std::max(newest, fd);
    }
  }
  return newest;
}

size_t open_descriptors() { return files_in("/proc/self/fd"); }

// Both ways of keeping the unfinished file keep the same promises.
class DurableFileTest : public testing::TestWithParam<DurableFile::Unfinished> {
 protected:
  DurableFile create() const { return DurableFile::create(dir_.path(), GetParam()); }

  TempDir dir_;
};

TEST_P(DurableFileTest, HoldsAllBytesInOrderOnceItIsPublished) {
  // Of sizes below, at and above what is collected before a system call.
  std::vector<std::byte> expected;
  DurableFile file = create();
  constexpr size_t kStretch = size_t{2} << 20;
  const std::vector<std::byte> bytes = numbered(2 * kStretch + 5);
  for (const size_t size : {size_t{0}, size_t{1}, size_t{7}, kStretch - 9, size_t{1}, kStretch,
                            kStretch - 1, 2 * kStretch + 5, size_t{3}, kStretch, size_t{1}}) {
    file.write(std::span(bytes).first(size));
    expected.insert(expected.end(), bytes.begin(), bytes.begin() + static_cast<int64_t>(size));
  }
  EXPECT_EQ(file.size(), expected.size());
  EXPECT_FALSE(fs::exists(dir_.path("name")));
  EXPECT_FALSE(file.published());
  EXPECT_TRUE(file.publish("name"));
  EXPECT_TRUE(file.published());
  EXPECT_EQ(content(dir_.path("name")), expected);
}

TEST_P(DurableFileTest, WithoutBytesIsAnEmptyFile) {
  EXPECT_TRUE(create().publish("name"));
  EXPECT_EQ(fs::file_size(dir_.path("name")), 0U);
}

TEST_P(DurableFileTest, OfMoreBytesThanOneWriteBackIsWhole) {
  const std::vector<std::byte> bytes = numbered(3 << 20);
  DurableFile file = create();
  for (int i = 0; i < 13; ++i) {
    file.write(bytes);
  }
  EXPECT_TRUE(file.publish("name"));
  const std::vector<std::byte> found = content(dir_.path("name"));
  ASSERT_EQ(found.size(), bytes.size() * 13);
  for (int64_t i = 0; i < 13; ++i) {
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(),
                           found.begin() + i * static_cast<int64_t>(bytes.size())));
  }
}

TEST_P(DurableFileTest, GivesTheKernelStretchesThatEndOnHugePages) {
  constexpr uint64_t kStretch = uint64_t{2} << 20;
  DurableFile file = create();
  const std::vector<std::byte> bytes = numbered(300'000);
  const auto kernel_has = [&] {
    struct stat status = {};
    EXPECT_EQ(::fstat(newest_descriptor(), &status), 0);
    return static_cast<uint64_t>(status.st_size);
  };
  for (int i = 0; i < 30; ++i) {
    file.write(bytes);
    EXPECT_EQ(kernel_has(), file.size() - file.size() % kStretch);
  }
}

TEST_P(DurableFileTest, NeverReplacesAnotherAndCanTakeAnotherName) {
  dir_.fill("name", 3, std::byte{9});
  DurableFile file = create();
  file.write(numbered(10));
  EXPECT_FALSE(file.publish("name"));
  EXPECT_FALSE(file.published());
  EXPECT_EQ(content(dir_.path("name")), std::vector<std::byte>(3, std::byte{9}));
  EXPECT_TRUE(file.publish("other"));
  EXPECT_EQ(content(dir_.path("other")), numbered(10));
}

TEST_P(DurableFileTest, FindsANameTakenByALinkOrADirectory) {
  fs::create_symlink("absent", dir_.path("link"));
  fs::create_directory(dir_.path("directory"));
  DurableFile file = create();
  EXPECT_FALSE(file.publish("link"));
  EXPECT_FALSE(file.publish("directory"));
  EXPECT_FALSE(fs::exists(dir_.path("absent")));
}

TEST_P(DurableFileTest, LeavesNothingWhenItIsDropped) {
  const size_t before = open_descriptors();
  {
    DurableFile file = create();
    file.write(numbered(100'000));
    const DurableFile moved = std::move(file);
    EXPECT_EQ(moved.size(), 100'000U);
  }
  EXPECT_EQ(files_in(dir_.path()), 0U);
  EXPECT_EQ(open_descriptors(), before);
}

TEST_P(DurableFileTest, LeavesOneNameWhenItIsPublished) {
  const size_t before = open_descriptors();
  {
    DurableFile file = create();
    file.write(numbered(10));
    EXPECT_TRUE(file.publish("name"));
  }
  EXPECT_EQ(files_in(dir_.path()), 1U);
  EXPECT_EQ(fs::hard_link_count(dir_.path("name")), 1U);
  EXPECT_EQ(open_descriptors(), before);
}

TEST_P(DurableFileTest, HasTheUsersPermissions) {
  EXPECT_TRUE(create().publish("name"));
  const mode_t mask = ::umask(0);
  ::umask(mask);
  EXPECT_EQ(static_cast<mode_t>(fs::status(dir_.path("name")).permissions()), 0666 & ~mask);
}

TEST_P(DurableFileTest, TellsWhenItWasWrittenByTheFileSystemsClock) {
  DurableFile file = create();
  file.write(numbered(100'000));
  const int64_t now = std::chrono::duration_cast<std::chrono::nanoseconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
  EXPECT_NEAR(static_cast<double>(file.modified_ns()), static_cast<double>(now), 5e9);
}

TEST_P(DurableFileTest, ThatCannotBeWrittenIsNeverPublished) {
  // In a process of its own: the limit holds for all files of a process.
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 100'000, .rlim_max = 100'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    DurableFile file = create();
    const auto refused = [&](auto&& action) {
      try {
        action();
      } catch (const Error& error) {
        return error.code() == ErrorCode::kIo;
      }
      return false;
    };
    const bool first = refused([&] { file.write(numbered(3'000'000)); });
    const bool again = refused([&] { file.write(numbered(1)); });
    const bool name = refused([&] { static_cast<void>(file.publish("name")); });
    ::_exit((first ? 1 : 0) + (again ? 2 : 0) + (name ? 4 : 0));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_FALSE(fs::exists(dir_.path("name")));
}

INSTANTIATE_TEST_SUITE_P(Unfinished, DurableFileTest,
                         testing::Values(DurableFile::Unfinished::kAuto,
                                         DurableFile::Unfinished::kNamed),
                         [](const auto& info) {
                           return info.param == DurableFile::Unfinished::kAuto ? "Unnamed"
                                                                               : "Named";
                         });

TEST(DurableFile, KeepsItsTemporaryNameApart) {
  const TempDir dir;
  const DurableFile file = DurableFile::create(dir.path(), DurableFile::Unfinished::kNamed);
  ASSERT_EQ(files_in(dir.path()), 1U);
  const std::string name = fs::directory_iterator(dir.path())->path().filename().string();
  EXPECT_TRUE(is_temporary_name(name)) << name;
  EXPECT_FALSE(is_temporary_name(name + "x"));
  EXPECT_FALSE(is_temporary_name(name.substr(1)));
  EXPECT_FALSE(is_temporary_name(".tmp-mine"));
}

TEST(DurableFile, NeedsItsDirectory) {
  const TempDir dir;
  expect_error(ErrorCode::kNotFound, {"absent"}, [&] { DurableFile::create(dir.path("absent")); });
  expect_error(ErrorCode::kIo, {"file", "Not a directory"},
               [&] { DurableFile::create(dir.fill("file", 1)); });
}

TEST(DurableFile, ReplacesAnotherAsAWhole) {
  const TempDir dir;
  for (const bool durable : {true, false}) {
    dir.fill("name", 3, std::byte{9});
    DurableFile file = DurableFile::create(dir.path(), DurableFile::Unfinished::kNamed);
    file.write(numbered(10));
    file.replace("name", durable);
    EXPECT_TRUE(file.published());
    EXPECT_EQ(content(dir.path("name")), numbered(10));
    EXPECT_EQ(files_in(dir.path()), 1U);
  }
}

TEST(CreateDirectoriesDurably, MakesWhatIsMissing) {
  const TempDir dir;
  create_directories_durably(dir.path("a/b/c"));
  EXPECT_TRUE(fs::is_directory(dir.path("a/b/c")));
  create_directories_durably(dir.path("a/b/c"));
  create_directories_durably(dir.path("a/d/"));
  EXPECT_TRUE(fs::is_directory(dir.path("a/d")));
}

TEST(CreateDirectoriesDurably, TakesARelativePath) {
  const TempDir dir;
  const fs::path before = fs::current_path();
  fs::current_path(dir.path());
  create_directories_durably("plain");
  fs::current_path(before);
  EXPECT_TRUE(fs::is_directory(dir.path("plain")));
}

TEST(CreateDirectoriesDurably, RefusesTheNameOfAFile) {
  const TempDir dir;
  dir.fill("file", 1);
  expect_error(ErrorCode::kInvalid, {"file", "not a directory"},
               [&] { create_directories_durably(dir.path("file")); });
  expect_error(ErrorCode::kIo, {"file/inside", "Not a directory"},
               [&] { create_directories_durably(dir.path("file/inside")); });
  fs::create_symlink("nowhere", dir.path("link"));
  expect_error(ErrorCode::kInvalid, {"link", "not a directory"},
               [&] { create_directories_durably(dir.path("link")); });
}

TEST(SyncDirectory, NamesTheDirectoryThatIsMissing) {
  const TempDir dir;
  sync_directory(dir.path());
  expect_error(ErrorCode::kNotFound, {"absent"}, [&] { sync_directory(dir.path("absent")); });
}

}  // namespace
}  // namespace headrace
