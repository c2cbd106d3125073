#include "storage/directory.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

namespace fs = std::filesystem;

TEST(LookUp, TellsWhatIsThereWithoutFollowingLinks) {
  const TempDir dir;
  dir.fill("file", 5);
  fs::create_symlink("file", dir.path("link"));
  const auto file = look_up(dir.path("file"));
  ASSERT_TRUE(file.has_value());
  EXPECT_TRUE(file->regular);
  EXPECT_EQ(file->bytes, 5U);
  EXPECT_GT(file->modified_ns, 0);
  EXPECT_FALSE(look_up(dir.path("link"))->regular);
  EXPECT_FALSE(look_up(dir.path())->regular);
  EXPECT_FALSE(look_up(dir.path("absent")).has_value());
  expect_error(ErrorCode::kIo, {"file/inside", "Not a directory"},
               [&] { look_up(dir.path("file/inside")); });
}

TEST(ListDirectory, HasEveryName) {
  const TempDir dir;
  EXPECT_TRUE(list_directory(dir.path()).empty());
  constexpr size_t kFiles = 300;
  for (size_t i = 0; i < kFiles; ++i) {
    dir.fill("file" + std::to_string(i), i);
  }
  fs::create_directory(dir.path("directory"));
  fs::create_symlink("nowhere", dir.path("link"));
  std::vector<DirectoryEntry> entries = list_directory(dir.path());
  EXPECT_EQ(entries.size(), kFiles + 2);
  for (const DirectoryEntry& entry : entries) {
    const bool file = entry.name.starts_with("file");
    EXPECT_EQ(entry.regular, file) << entry.name;
    if (file) {
      EXPECT_EQ("file" + std::to_string(entry.bytes), entry.name);
    }
  }
  expect_error(ErrorCode::kNotFound, {"absent"}, [&] { list_directory(dir.path("absent")); });
}

TEST(RemoveFile, TellsWhetherThereWasOne) {
  const TempDir dir;
  dir.fill("file", 5);
  EXPECT_TRUE(remove_file(dir.path("file")));
  EXPECT_FALSE(fs::exists(dir.path("file")));
  EXPECT_FALSE(remove_file(dir.path("file")));
  fs::create_directory(dir.path("directory"));
  expect_error(ErrorCode::kIo, {"directory"}, [&] { remove_file(dir.path("directory")); });
}

}  // namespace
}  // namespace headrace
