#include "engine/read_ahead.h"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/datasets.h"
#include "testing/page_cache.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

constexpr uint64_t kPageRows = 4096 / sizeof(int64_t);

// Files of 5, 3 and 0.1 MB, cold if the file system lets them be.
class ColdFiles {
 public:
  ColdFiles() {
    const std::vector<uint64_t> rows = {1280 * kPageRows, 768 * kPageRows, 25 * kPageRows};
    dataset_ = in_files(dir_, "f", {counting("id", rows[0] + rows[1] + rows[2])}, rows);
    extents_ = file_extents(*dataset_);
    for (const Extent& extent : extents_) {
      cold_ = drop_pages(extent.rows->path) && cold_;
      bytes_ += extent.bytes;
    }
  }

  bool cold() const { return cold_; }
  uint64_t bytes() const { return bytes_; }
  const std::vector<Extent>& extents() const { return extents_; }
  const std::string& path(size_t file) const { return extents_[file].rows->path; }

 private:
  TempDir dir_;
  DatasetPtr dataset_;
  std::vector<Extent> extents_;
  uint64_t bytes_ = 0;
  bool cold_ = true;
};

TEST(ReadAhead, BringsEveryPageOfEveryFileIntoMemory) {
  const ColdFiles files;
  const auto pages = [&] {
    uint64_t sum = 0;
    for (const Extent& extent : files.extents()) {
      sum += resident_pages(extent.rows->path);
    }
    return sum;
  };
  for (const double start : {0.0, 0.3, 0.62, 0.999}) {
    // Again where something else on this machine drops pages meanwhile.
    for (int attempt = 0; attempt < 3; ++attempt) {
      for (const Extent& extent : files.extents()) {
        drop_pages(extent.rows->path);
      }
      ReadAhead read_ahead(files.extents(), start);
      const std::atomic<bool> go_on{true};
      std::atomic<uint64_t> bytes{0};
      ASSERT_TRUE(read_ahead.run(go_on, bytes));
      ASSERT_EQ(bytes, files.bytes());
      if (pages() == files.bytes() / 4096) {
        break;
      }
    }
    EXPECT_EQ(pages(), files.bytes() / 4096) << start;
  }
}

TEST(ReadAhead, StopsWhenTold) {
  const ColdFiles files;
  ReadAhead read_ahead(files.extents(), 0);
  const std::atomic<bool> go_on{false};
  std::atomic<uint64_t> bytes{0};
  EXPECT_FALSE(read_ahead.run(go_on, bytes));
  EXPECT_EQ(bytes, 0U);
}

TEST(ReadAhead, PassesOverAFileThatIsGone) {
  const ColdFiles files;
  std::filesystem::remove(files.path(0));
  ReadAhead read_ahead(files.extents(), 0);
  const std::atomic<bool> go_on{true};
  std::atomic<uint64_t> bytes{0};
  EXPECT_TRUE(read_ahead.run(go_on, bytes));
  EXPECT_EQ(bytes, files.bytes() - files.extents()[0].bytes);
}

}  // namespace
}  // namespace headrace
