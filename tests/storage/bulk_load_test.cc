#include "storage/bulk_load.h"

#include <cstdint>
#include <filesystem>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/page_cache.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kSize = uint64_t{9} << 20;

TEST(BulkLoad, BringsAStretchOfAnyPlaceAndLength) {
  const TempDir dir;
  const std::string path = dir.fill("a", kSize);
  BulkLoad load(path);
  for (const uint64_t offset : {0, 1, 4095, 5'000'000}) {
    for (const uint64_t bytes : {1, 4096, 3'000'000}) {
      if (!drop_pages(path)) {
        GTEST_SKIP() << "this file system keeps pages that are to be dropped";
      }
      load.load(offset, bytes);
      const File file(path);
      file.expect_random();
      EXPECT_EQ(file.residency(offset), Residency::kResident) << offset << " " << bytes;
      EXPECT_EQ(file.residency(offset + bytes - 1), Residency::kResident) << offset;
    }
  }
}

TEST(BulkLoad, TakesStretchesBeyondTheEnd) {
  const TempDir dir;
  BulkLoad load(dir.fill("a", 100));
  load.load(50, 1000);
  load.load(100, 1);
  load.load(5000, 5000);
  BulkLoad(dir.fill("empty", 0)).load(0, 10);
}

TEST(BulkLoad, OfAFileThatWasCutEndsWithoutASignal) {
  const TempDir dir;
  const std::string path = dir.fill("a", kSize);
  BulkLoad load(path);
  fs::resize_file(path, 5000);
  load.load(0, kSize);
  fs::resize_file(path, 0);
  load.load(0, kSize);
}

TEST(BulkLoad, ThrowsForWhatIsNoSuchFile) {
  const TempDir dir;
  expect_error(ErrorCode::kNotFound, {"absent"}, [&] { BulkLoad load(dir.path("absent")); });
  const std::string path = dir.fill("a", 10);
  const FileInfo info = inspect_file(path);
  fs::rename(dir.fill("b", 10), path);
  expect_error(ErrorCode::kCorrupt, {"replaced"}, [&] { BulkLoad load(path, info); });
}

TEST(BulkLoad, GivesBackItsMapAndItsDescriptor) {
  const TempDir dir;
  const std::string path = dir.fill("a", kSize);
  const auto descriptors = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), {});
  };
  const auto before = descriptors();
  for (int i = 0; i < 100; ++i) {
    BulkLoad(path).load(0, kSize);
  }
  EXPECT_EQ(descriptors(), before);
}

}  // namespace
}  // namespace headrace
