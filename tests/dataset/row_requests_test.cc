#include "dataset/row_requests.h"

#include <cstdint>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/arrow_files.h"
#include "dataset/column_views.h"
#include "dataset/extents.h"
#include "dataset/reader.h"
#include "dataset/views.h"
#include "testing/datasets.h"
#include "testing/errors.h"
#include "testing/page_cache.h"
#include "testing/shards.h"
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

TEST(RowRequests, AskForEveryMemberOfAStack) {
  const TempDir dir;
  const DatasetPtr dataset = in_files(
      dir, "f", {counting("a", 1000), counting("b", 1000, 5), counting("c", 1000)}, {600, 400});
  const DatasetPtr stacked = stack(dataset, {0, 1}, "ab");
  RowRequests requests(*stacked);
  EXPECT_EQ(requests.will_need(std::vector<uint64_t>{7, 900}), 2 * 3 * 8U);
  EXPECT_EQ(requests.will_need(std::vector<uint64_t>{7, 900}, {true, false}), 2 * 2 * 8U);
  EXPECT_EQ(file_extents(*stacked).size(), 2 * 3U);
}

TEST(RowRequests, OfTwoColumnsOfAFileAreNotTakenForOne) {
  const TempDir dir;
  const DatasetPtr both = dataset_from_arrow_files(
      {dir.write("a.arrow", shard_bytes({blobs("a", 10, 100), blobs("b", 10, 300)}, 10))});
  const DatasetPtr joined = concat({select(both, {0}), rename(select(both, {1}), {"a"})});
  RowRequests requests(*joined);
  const std::vector<uint64_t> rows = {3, 13};  // row 3 of each column
  EXPECT_EQ(requests.will_need_offsets(rows, {true}), 2 * 2 * 8U);
  EXPECT_EQ(requests.will_need_elements(rows, {true}), 100 + 300U);
}

TEST(RowRequests, AskForRowsOfAnySizeInTwoSteps) {
  const TempDir dir;
  const std::vector<ShardColumn> columns = {
      blobs("b", 1000, 20'000),
      make_column({.name = "w",
                   .dtype = DType::kFloat32,
                   .kind = ColumnKind::kCsr,
                   .index_dtype = DType::kInt32,
                   .width = 9},
                  1000),
      make_column({.name = "x", .dtype = DType::kInt64}, 1000)};
  const DatasetPtr dataset =
      dataset_from_arrow_files({dir.write("a.arrow", shard_bytes(columns, 400))});
  RowRequests requests(*dataset);
  const std::vector<uint64_t> rows = {7, 5, 6, 900};  // 900 is in another record batch
  const std::vector<bool> bytes_only = {true, false, false};
  EXPECT_EQ(requests.will_need_offsets(rows, bytes_only), (4 + 2) * 8U);
  EXPECT_EQ(requests.will_need_elements(rows, bytes_only), 4 * 20'000U);
  // Its elements have values and indices, 4 bytes each, and rows 0 to 399 are one request.
  const auto elements = static_cast<uint64_t>(columns[1].offsets[8] - columns[1].offsets[5] +
                                              columns[1].offsets[901] - columns[1].offsets[900]);
  EXPECT_EQ(requests.will_need_elements(rows, {false, true, true}), elements * (4 + 4));
  EXPECT_EQ(requests.will_need_offsets(rows, {false, false, true}), 0U);
  EXPECT_EQ(requests.will_need_elements({}, {true, true, true}), 0U);
  EXPECT_EQ(requests.will_need(rows, {true, true, false}), 0U);
}

TEST(RowRequests, BringHardlyMoreThanTheRowsOfAnySizeThatAreAskedForIntoMemory) {
  const TempDir dir;
  // 1,100 pages, of which a row takes three or four.
  const std::string path = dir.write("a.arrow", shard_bytes({blobs("b", 500, 9000)}, 200));
  if (!drop_pages(path)) {
    GTEST_SKIP() << "this file system keeps pages that are to be dropped";
  }
  const DatasetPtr dataset = dataset_from_arrow_files({path});
  const std::vector<uint64_t> rows = {400, 9, 200, 77, 333, 250, 120, 480, 30, 290};
  RowRequests requests(*dataset);
  requests.will_need_offsets(rows, {true});
  requests.will_need_elements(rows, {true});
  // A row that is read before its pages came makes the kernel read around it.
  ASSERT_TRUE(wait_for_pages(path, 30));
  std::vector<std::byte> memory(rows.size() * 9000);
  Reader(dataset).read_parts(
      rows, {true},
      [&](size_t /*column*/, ColumnPart /*part*/, uint64_t /*bytes*/) { return memory.data(); },
      [] {}, rows.size());
  // Looked at once, since a look asks for pages itself.
  const uint64_t pages = resident_pages(path);
  EXPECT_GE(pages, 30U);
  EXPECT_LE(pages, 500U);  // more than 30 where a row was read before its pages came
}

TEST(RowRequests, LetGoOfUsedRowsOfTheWantedColumns) {
  // Small: of a file that is mapped by 2 MiB, the kernel lets go of as much at once.
  const TempDir dir;
  const ShardColumn pages =
      make_column({.name = "x", .dtype = DType::kUint8, .row_shape = {4096}}, 100);
  const std::string path = dir.write("a.arrow", shard_bytes({pages, blobs("b", 100, 8192)}, 100));
  const DatasetPtr dataset = dataset_from_arrow_files({path});
  std::vector<uint64_t> rows(100);
  std::iota(rows.begin(), rows.end(), 0);
  std::vector<std::byte> memory(rows.size() * 8192);
  Reader(dataset).read_parts(
      rows, {true, true},
      [&](size_t /*column*/, ColumnPart /*part*/, uint64_t /*bytes*/) { return memory.data(); },
      [] {}, rows.size());
  const MappedFile& map = *dataset->groups()[0]->piece(0).source->open().maps.front();
  // All pages, which the kernel may take away at any time.
  const uint64_t all = (map.size() + 4095) / 4096;
  const auto hold_all = [&] {
    for (int tries = 0; tries < 100 && held_pages(map.data(), map.size()) < all; ++tries) {
      for (uint64_t at = 0; at < map.size(); at += 4096) {
        static_cast<void>(*static_cast<const volatile std::byte*>(map.data() + at));
      }
    }
    return held_pages(map.data(), map.size());
  };
  const std::vector<uint64_t> few(rows.begin() + 20, rows.begin() + 40);
  RowRequests requests(*dataset);
  ASSERT_EQ(hold_all(), all);
  EXPECT_EQ(requests.used(few, {false, true}), 20 * 8192U);
  EXPECT_LE(held_pages(map.data(), map.size()), all - 39);  // rows begin and end inside of pages
  EXPECT_GE(held_pages(map.data(), map.size()), all / 2);
  ASSERT_EQ(hold_all(), all);
  EXPECT_EQ(requests.used(few, {true, false}), 20 * 4096U);
  EXPECT_LE(held_pages(map.data(), map.size()), all - 19);
  EXPECT_GE(held_pages(map.data(), map.size()), all / 2);
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
