#include "engine/plugin_map.h"

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

void nothing() {}

std::shared_ptr<const PluginLibrary> lines(const std::string& options = "") {
  return std::make_shared<const PluginLibrary>(HEADRACE_TEST_TRANSFORM, "lines.so", options);
}

std::string write(const TempDir& dir, const std::string& name, const std::string& text) {
  return dir.write(name, std::vector<char>(text.begin(), text.end()));
}

// The first column of a result of one row: how long the file is.
int64_t size_in(const std::vector<BuiltColumn>& columns) {
  int64_t size = 0;
  std::memcpy(&size, columns.at(0).values.memory.get(), sizeof(size));
  return size;
}

TEST(PluginMap, MakesTheColumnsOfEachFileInOrder) {
  const TempDir dir;
  std::vector<std::string> paths;
  for (size_t i = 0; i < 100; ++i) {
    paths.push_back(write(dir, std::to_string(i), std::string(i, 'q')));
  }
  for (const uint64_t threads : {1U, 3U}) {
    const auto library = lines();
    PluginMap map(library, library->open()->schema(), paths, {.threads = threads, .places = 8});
    for (int64_t i = 0; i < 100; ++i) {
      const auto columns = map.next(nothing);
      ASSERT_TRUE(columns.has_value());
      EXPECT_EQ(size_in(*columns), i);
      EXPECT_EQ(columns->at(2).elements, i == 0 ? 0U : 1U);
    }
    EXPECT_FALSE(map.next(nothing).has_value());
  }
}

TEST(PluginMap, NamesTheFileThatThePluginRefused) {
  const TempDir dir;
  const auto library = lines();
  const std::vector<std::string> paths = {write(dir, "a", "fine"), write(dir, "b", "!"),
                                          write(dir, "c", "fine")};
  PluginMap map(library, library->open()->schema(), paths, {.threads = 2, .places = 3});
  EXPECT_TRUE(map.next(nothing).has_value());
  const Error error = expect_error(ErrorCode::kTransform, {"lines.so", paths[1], "'!'"},
                                   [&] { map.next(nothing); });
  EXPECT_EQ(error.context().file, paths[1]);
  EXPECT_TRUE(map.next(nothing).has_value());
}

TEST(PluginMap, KeepsTheLibraryAndEndsWithFilesThatNobodyTook) {
  const TempDir dir;
  const std::vector<std::string> paths(1000, write(dir, "a", "text"));
  auto library = lines();
  PluginMap map(library, library->open()->schema(), paths, {.threads = 2, .places = 4});
  library.reset();
  EXPECT_TRUE(map.next(nothing).has_value());
}

TEST(PluginMap, RefusesColumnsThatDifferFromOpenToOpen) {
  const TempDir dir;
  const auto library = lines();
  Schema other = library->open()->schema();
  other.pop_back();
  expect_error(ErrorCode::kTransform, {"lines.so", "other columns"}, [&] { library->open(other); });
  PluginMap map(library, other, {write(dir, "a", "text")}, {.threads = 1, .places = 2});
  expect_error(ErrorCode::kTransform, {"other columns"}, [&] { map.next(nothing); });
}

TEST(PluginLibrary, SaysWhatIsMissing) {
  expect_error(ErrorCode::kUnsupported, {"empty.so", "headrace_transform_table"},
               [] { PluginLibrary library(HEADRACE_TEST_EMPTY_LIBRARY, "empty.so", ""); });
  const auto refused = lines("refuse");
  expect_error(ErrorCode::kTransform, {"lines.so", "these options are refused"},
               [&] { refused->open(); });
}

}  // namespace
}  // namespace headrace
