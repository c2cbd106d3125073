#include "dataset/extents.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/arrow_files.h"
#include "dataset/views.h"
#include "testing/datasets.h"
#include "testing/errors.h"
#include "testing/shards.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

using Range = std::pair<uint64_t, uint64_t>;

std::vector<Range> ranges(const std::vector<Extent>& extents) {
  std::vector<Range> result;
  for (const Extent& extent : extents) {
    result.emplace_back(extent.offset, extent.bytes);
  }
  return result;
}

TEST(FileExtents, AreTheColumnsOfEachFile) {
  const TempDir dir;
  const DatasetPtr dataset =
      in_files(dir, "f", {counting("id", 10), random_floats("x", 10, {3}, 1)}, {4, 6});
  const std::vector<Extent> extents = file_extents(*dataset);
  EXPECT_EQ(ranges(extents), (std::vector<Range>{{0, 32}, {0, 48}, {0, 48}, {0, 72}}));
  EXPECT_EQ(extents[1].rows->path.text(), dir.path("f-id-1.bin"));
  EXPECT_EQ(extents[2].column, 1U);
}

TEST(FileExtents, OfASliceAreItsOwnRowsAndOfASubsetAllOfThePieces) {
  const TempDir dir;
  const DatasetPtr dataset = in_files(dir, "f", {counting("id", 10)}, {4, 6});
  EXPECT_EQ(ranges(file_extents(*slice(dataset, 3, 2, 1))), (std::vector<Range>{{24, 8}, {0, 8}}));
  EXPECT_EQ(ranges(file_extents(*subset(dataset, index_buffer({9, 0})))),
            (std::vector<Range>{{0, 32}, {0, 48}}));
}

TEST(FileExtents, CountAPieceThatAppearsTwiceOnce) {
  const TempDir dir;
  const DatasetPtr dataset = in_files(dir, "f", {counting("id", 10)}, {10});
  EXPECT_EQ(file_extents(*concat({dataset, dataset})).size(), 1U);
}

TEST(FileExtents, OfShardsAreTheTensorsAndPartsOfEachRecordBatch) {
  const TempDir dir;
  const ShardColumn text = make_column({.name = "t", .kind = ColumnKind::kText}, 10);
  const auto bytes = shard_bytes({make_column({.name = "x", .dtype = DType::kInt32}, 10), text}, 4);
  const std::string whole = dir.write("a.arrow", bytes);
  const std::string gone = dir.write("b.arrow", bytes);
  const DatasetPtr dataset = dataset_from_arrow_files({whole, gone});
  std::filesystem::remove(gone);
  const std::vector<Extent> extents = file_extents(*dataset);
  ASSERT_EQ(extents.size(), 3U + 2 * 3U);
  EXPECT_EQ(extents[0].bytes, 16U);
  EXPECT_EQ(extents[2].bytes, 8U);
  EXPECT_EQ(extents[2].rows->path.text(), whole);
  EXPECT_EQ(extents[3].part, ColumnPart::kOffsets);
  EXPECT_EQ(extents[3].row_count, 4U);
  EXPECT_EQ(extents[4].part, ColumnPart::kValues);
  EXPECT_EQ(extents[4].column, 1U);
  EXPECT_EQ(extents[4].bytes, static_cast<uint64_t>(text.offsets[4]));
  EXPECT_EQ(extents[4].rows->path.text(), whole);
  // The bytes of the file there are those of the rows.
  EXPECT_TRUE(std::equal(text.values.begin(), text.values.begin() + text.offsets[4],
                         bytes.begin() + static_cast<int64_t>(extents[4].offset)));
}

TEST(FileExtents, OpenNoMoreFilesWhenTheyAreStopped) {
  const TempDir dir;
  const auto bytes = shard_bytes({make_column({.name = "x", .dtype = DType::kInt32}, 10)}, 10);
  const DatasetPtr dataset = dataset_from_arrow_files(
      {dir.write("a.arrow", bytes), dir.write("b.arrow", bytes), dir.write("c.arrow", bytes)});
  int polls = 0;
  const auto poll = [&polls] {
    if (++polls == 2) {
      throw Error(ErrorCode::kCancelled, "stopped");
    }
  };
  expect_error(ErrorCode::kCancelled, {"stopped"}, [&] { file_extents(*dataset, poll); });
  const RowSpace& space = *dataset->groups().front();
  EXPECT_NE(space.piece(0).source->opened(), nullptr);
  EXPECT_EQ(space.piece(1).source->opened(), nullptr);
}

TEST(FileExtents, OfArraysAreNone) {
  EXPECT_TRUE(file_extents(*in_memory({counting("id", 10)})).empty());
}

}  // namespace
}  // namespace headrace
