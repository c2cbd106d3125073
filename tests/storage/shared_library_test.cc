#include "storage/shared_library.h"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

TEST(SharedLibrary, FindsWhatIsExported) {
  const SharedLibrary library(HEADRACE_TEST_TRANSFORM);
  EXPECT_NE(library.find("headrace_transform_table"), nullptr);
  EXPECT_EQ(library.find("close_lines"), nullptr) << "a static function";
  EXPECT_EQ(library.path(), HEADRACE_TEST_TRANSFORM);
}

TEST(SharedLibrary, SaysThatThereIsNone) {
  const TempDir dir;
  expect_error(ErrorCode::kNotFound, {"none.so"}, [&] { SharedLibrary(dir.path("none.so")); });
  expect_error(ErrorCode::kInvalid, {"directory"}, [&] { SharedLibrary library(dir.path()); });
}

TEST(SharedLibrary, SaysWhatTheLoaderSays) {
  const TempDir dir;
  const std::string path = dir.fill("text.so", 100);
  const Error error =
      expect_error(ErrorCode::kInvalid, {"text.so", "ELF"}, [&] { SharedLibrary library(path); });
  EXPECT_EQ(error.context().file, path);
}

TEST(SharedLibrary, RefusesAFileThatReplacedOneWhichIsStillLoaded) {
  const TempDir dir;
  const std::string path = dir.path("copy.so");
  std::filesystem::copy_file(HEADRACE_TEST_TRANSFORM, path);
  {
    const SharedLibrary first(path);
    const SharedLibrary again(path);
    std::filesystem::copy_file(HEADRACE_TEST_EMPTY_LIBRARY, dir.path("new.so"));
    std::filesystem::rename(dir.path("new.so"), path);
    expect_error(ErrorCode::kInvalid, {path, "replaced", "new name"},
                 [&] { SharedLibrary library(path); });
  }
  const SharedLibrary replaced(path);
  EXPECT_EQ(replaced.find("headrace_transform_table"), nullptr);
}

}  // namespace
}  // namespace headrace
