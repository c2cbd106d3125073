#include "engine/file_map.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

void nothing() {}

std::string text_of(std::span<const std::byte> bytes) {
  return bytes.empty() ? std::string()
                       : std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

TEST(FileMap, GivesTheBytesOfEachFileInOrder) {
  const TempDir dir;
  std::vector<std::string> paths;
  std::vector<std::string> expected;
  for (int i = 0; i < 200; ++i) {
    expected.push_back("file " + std::to_string(i) + std::string(static_cast<size_t>(i % 7), 'x'));
    const std::vector<char> content(expected.back().begin(), expected.back().end());
    paths.push_back(dir.write(std::to_string(i), content));
  }
  paths.push_back(dir.fill("empty", 0));
  expected.emplace_back();
  for (const uint64_t threads : {1U, 3U}) {
    for (const uint64_t places : {1U, 5U, 300U}) {
      std::vector<std::string> results(places);
      FileMap map(paths, {.threads = threads, .places = places}, [&](const FileMap::Input& input) {
        EXPECT_EQ(input.path, paths[input.item]);
        EXPECT_LT(input.thread, threads);
        results[input.place] = text_of(input.bytes);
      });
      std::vector<std::string> found;
      while (const auto place = map.next(nothing)) {
        found.push_back(results[*place]);
      }
      EXPECT_EQ(found, expected) << threads << " threads, " << places << " places";
    }
  }
}

TEST(FileMap, SaysInItsTurnWhyAFileCannotBeRead) {
  const TempDir dir;
  const std::vector<std::string> paths = {dir.fill("a", 1), dir.path("gone"), dir.path(),
                                          dir.fill("b", 1)};
  FileMap map(paths, {.threads = 2, .places = 4}, [](const FileMap::Input&) {});
  EXPECT_TRUE(map.next(nothing).has_value());
  expect_error(ErrorCode::kNotFound, {"gone"}, [&] { map.next(nothing); });
  expect_error(ErrorCode::kInvalid, {"directory"}, [&] { map.next(nothing); });
  EXPECT_TRUE(map.next(nothing).has_value());
  EXPECT_FALSE(map.next(nothing).has_value());
}

TEST(FileMap, RefusesAFileLargerThanMemory) {
  const TempDir dir;
  const std::string path = dir.fill("sparse", 0);
  std::filesystem::resize_file(path, uint64_t{1} << 42);
  WholeFile memory;
  expect_error(ErrorCode::kInvalid, {path}, [&] { read_whole(path, memory); });
}

}  // namespace
}  // namespace headrace
