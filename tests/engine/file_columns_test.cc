#include "engine/file_columns.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/arrow_files.h"
#include "dataset/column_views.h"
#include "dataset/windows.h"
#include "testing/datasets.h"
#include "testing/shards.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

constexpr uint64_t kPage = 4096;

std::vector<FileColumn> columns_of(const DatasetPtr& dataset) {
  return file_columns(*dataset, file_extents(*dataset), kPage);
}

TEST(FileColumns, OfTensorsAreTheirRows) {
  const TempDir dir;
  const DatasetPtr dataset =
      in_files(dir, "f", {counting("id", 10), random_floats("x", 10, {1025}, 1)}, {4, 6});
  const std::vector<FileColumn> columns = columns_of(dataset);
  ASSERT_EQ(columns.size(), 2U);
  EXPECT_EQ(columns[0].bytes, 80U);
  EXPECT_EQ(columns[0].row_bytes, 8U);
  EXPECT_EQ(columns[0].row_page_bytes, kPage);
  EXPECT_EQ(columns[1].bytes, 10 * 4100U);
  EXPECT_EQ(columns[1].row_page_bytes, 2 * kPage);
  EXPECT_EQ(columns[1].offset_bytes, 0U);
  const std::vector<FileColumn> pairs =
      columns_of(windows(dataset, {.length = 2, .stride = 1, .within = std::nullopt}));
  EXPECT_EQ(pairs[1].row_bytes, 8200U);
}

TEST(FileColumns, OfStacksAreAPageForEachMember) {
  const TempDir dir;
  const DatasetPtr dataset = in_files(dir, "f", {counting("a", 10), counting("b", 10)}, {10});
  const std::vector<FileColumn> columns = columns_of(stack(dataset, {0, 1}, "ab"));
  ASSERT_EQ(columns.size(), 1U);
  EXPECT_EQ(columns[0].bytes, 160U);
  EXPECT_EQ(columns[0].row_bytes, 16U);
  EXPECT_EQ(columns[0].row_page_bytes, 2 * kPage);
}

TEST(FileColumns, OfRowsOfAnySizeAreAnAverageRow) {
  const TempDir dir;
  ShardColumn csr = make_column({.name = "w",
                                 .dtype = DType::kFloat64,
                                 .kind = ColumnKind::kCsr,
                                 .index_dtype = DType::kInt32,
                                 .width = 9},
                                1000);
  const std::string path = dir.write("a.arrow", shard_bytes({blobs("b", 1000, 5000), csr}, 300));
  const std::vector<FileColumn> columns = columns_of(dataset_from_arrow_files({path}));
  ASSERT_EQ(columns.size(), 2U);
  EXPECT_EQ(columns[0].offset_bytes, (1000 + 4) * 8U) << "four record batches";
  EXPECT_EQ(columns[0].bytes, columns[0].offset_bytes + 1000 * 5000U);
  EXPECT_EQ(columns[0].row_bytes, 5000 + 9U);
  EXPECT_EQ(columns[0].row_page_bytes, 2 * kPage);
  // Values of 8 bytes and indices of 4, a page each.
  const auto elements = static_cast<uint64_t>(csr.offsets.back());
  EXPECT_EQ(columns[1].bytes, columns[1].offset_bytes + elements * 12);
  EXPECT_EQ(columns[1].row_page_bytes, 2 * kPage);
}

TEST(FileColumns, OfArraysAreNothing) {
  EXPECT_EQ(columns_of(in_memory({counting("id", 10)})).front().bytes, 0U);
}

}  // namespace
}  // namespace headrace
