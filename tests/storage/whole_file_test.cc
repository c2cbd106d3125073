#include "storage/whole_file.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

TEST(WholeFile, ReadsFilesOfAllSizesOneAfterTheOther) {
  const TempDir dir;
  WholeFile memory;
  uint8_t fill = 1;
  for (const size_t size : {size_t{0}, size_t{5}, size_t{100'000}, size_t{0}, size_t{20} << 20,
                            size_t{3}, size_t{70'000}}) {
    const std::string path = dir.fill("file", size, std::byte{fill});
    const auto bytes = memory.read(File(path));
    ASSERT_EQ(bytes.size(), size);
    EXPECT_EQ(std::count(bytes.begin(), bytes.end(), std::byte{fill}),
              static_cast<std::ptrdiff_t>(size));
    ++fill;
  }
}

TEST(WholeFile, ReadsFilesThatSayTheyAreEmpty) {
  WholeFile memory;
  const auto bytes = memory.read(File("/proc/self/status"));
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  EXPECT_NE(text.find("Threads:"), std::string_view::npos);
}

TEST(WholeFile, SaysThatAFileWasCutShort) {
  const TempDir dir;
  const std::string path = dir.fill("file", 1000);
  const File file(path);
  std::filesystem::resize_file(path, 500);
  WholeFile memory;
  expect_error(ErrorCode::kTruncated, {path, "1000", "500"}, [&] { memory.read(file); });
}

}  // namespace
}  // namespace headrace
