#include "storage/open_files.h"

#include <array>
#include <deque>
#include <filesystem>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

namespace fs = std::filesystem;

size_t open_descriptors() {
  return static_cast<size_t>(std::distance(fs::directory_iterator("/proc/self/fd"), {}));
}

TEST(OpenFiles, OpensAFileOnce) {
  const TempDir dir;
  const std::string path = dir.fill("a", 10);
  OpenFiles files;
  const File* first = &files.get(path, std::nullopt);
  EXPECT_EQ(&files.get(path, std::nullopt), first);
  EXPECT_EQ(first->path(), path);
}

TEST(OpenFiles, ClosesTheFileThatWasNotUsedForLongest) {
  const TempDir dir;
  std::deque<std::string> paths;
  for (size_t i = 0; i <= OpenFiles::max_open(); ++i) {
    paths.push_back(dir.fill(std::to_string(i), i + 1));
  }
  const size_t before = open_descriptors();
  {
    OpenFiles files;
    for (size_t i = 0; i < OpenFiles::max_open(); ++i) {
      files.get(paths[i], std::nullopt);
    }
    const int kept = files.get(paths[0], std::nullopt).descriptor();
    files.get(paths.back(), std::nullopt);
    EXPECT_EQ(open_descriptors(), before + OpenFiles::max_open());
    fs::remove(paths[0]);
    EXPECT_EQ(files.get(paths[0], std::nullopt).descriptor(), kept) << "it was used meanwhile";
    fs::remove(paths[1]);
    expect_error(ErrorCode::kNotFound, {paths[1]}, [&] { files.get(paths[1], std::nullopt); });
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST(OpenFiles, RefusesAFileThatWasReplaced) {
  const TempDir dir;
  const std::string path = dir.fill("a", 10);
  const FileInfo info = inspect_file(path);
  fs::rename(dir.fill("b", 10), path);
  OpenFiles files;
  expect_error(ErrorCode::kCorrupt, {path, "replaced"}, [&] { files.get(path, info); });
}

}  // namespace
}  // namespace headrace
