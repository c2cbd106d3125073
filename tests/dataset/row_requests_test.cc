#include "dataset/row_requests.h"

#include <cstdint>
#include <filesystem>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/views.h"
#include "testing/datasets.h"
#include "testing/errors.h"
#include "testing/page_cache.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

TEST(RowRequests, AsksOnceForNeighboursWhateverTheirOrder) {
  const TempDir dir;
  const DatasetPtr dataset = in_files(
      dir, "f", {counting("id", 100'000), random_floats("x", 100'000, {2}, 3)}, {60'000, 40'000});
  RowRequests requests(*dataset);
  EXPECT_EQ(requests.will_need(std::vector<uint64_t>{7, 5, 6}), 3 * (8 + 8U));
  EXPECT_EQ(requests.will_need(std::vector<uint64_t>{7, 5}), 3 * (8 + 8U)) << "with a small gap";
  EXPECT_EQ(requests.will_need(std::vector<uint64_t>{7, 50'000}), 2 * (8 + 8U))
      << "not a large one";
  EXPECT_EQ(requests.will_need(std::vector<uint64_t>{60'000, 59'999}), 2 * (8 + 8U)) << "two files";
  EXPECT_EQ(requests.will_need(std::vector<uint64_t>{7, 5}, {true, false}), 3 * 8U);
  EXPECT_EQ(requests.will_need({}), 0U);
  const DatasetPtr arrays = in_memory({counting("id", 10)});
  EXPECT_EQ(RowRequests(*arrays).will_need(std::vector<uint64_t>{3, 4}), 0U);
}

TEST(RowRequests, BringExactlyTheRowsThatAreAskedForIntoMemory) {
  const TempDir dir;
  const Values pages = column("x", DType::kUint8, std::vector<uint8_t>(500 * 4096, 1), {4096});
  const DatasetPtr dataset = in_files(dir, "f", {pages}, {500});
  if (!drop_pages(dir.path("f-x-0.bin"))) {
    GTEST_SKIP() << "this file system keeps pages that are to be dropped";
  }
  // Through a view, far apart.
  const DatasetPtr reversed = slice(dataset, 499, 500, -1);
  EXPECT_EQ(RowRequests(*reversed).will_need(std::vector<uint64_t>{400, 9, 200}), 3 * 4096U);
  Outs outs(*reversed, 3);
  Reader(reversed).read(std::vector<uint64_t>{400, 9, 200}, outs.pointers());
  EXPECT_EQ(resident_pages(dir.path("f-x-0.bin")), 3U);
}

TEST(RowRequests, OfAFileThatIsGoneSaySo) {
  const TempDir dir;
  const DatasetPtr dataset = in_files(dir, "f", {counting("id", 10)}, {10});
  std::filesystem::remove(dir.path("f-id-0.bin"));
  RowRequests requests(*dataset);
  expect_error(ErrorCode::kNotFound, {"f-id-0.bin"},
               [&] { requests.will_need(std::vector<uint64_t>{1}); });
}

}  // namespace
}  // namespace headrace
