#include "dataset/directory_dataset.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "dataset/shard_pieces.h"
#include "dataset/shard_source.h"
#include "dataset/versions.h"
#include "testing/dataset_directory.h"
#include "testing/datasets.h"
#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

class DirectoryDataset : public testing::Test {
 protected:
  DirectoryDataset() {
    commit_shards(paths_, {.schema = number_schema(),
                           .entries = {write_shard(paths_, 40), write_shard(paths_, 5, 40)}});
    commit_shards(paths_, {.schema = number_schema(), .entries = {write_shard(paths_, 16, 45)}});
  }

  std::string shard_path(uint64_t version, size_t i) const {
    return paths_.shard(read_version(paths_, version).shards.ids[i]);
  }

  TempDir dir_;
  DatasetPaths paths_{dir_.path("d")};
};

TEST_F(DirectoryDataset, ShowsTheRowsOfAVersionInTheOrderOfItsManifest) {
  const DatasetPtr newest = dataset_from_directory(paths_, 0, {.verify = true});
  EXPECT_EQ(newest->file_count(), 3U);
  EXPECT_EQ(newest->groups().front()->piece_count(), 5U);
  expect_shows(newest, {counting("x", 61)}, 1);
  expect_shows(dataset_from_directory(paths_, 1, {.io = Io::kPread}), {counting("x", 45)}, 1);
  EXPECT_EQ(newest->locate(44).file, shard_path(2, 1));
  EXPECT_EQ(newest->locate(44).row, 4U);
}

TEST_F(DirectoryDataset, OpensNoShardBeforeItsRowsAreWanted) {
  std::filesystem::rename(shard_path(2, 0), dir_.path("away"));
  const DatasetPtr dataset = dataset_from_directory(paths_, 2);
  const auto shards = shard_rows(*dataset);
  ASSERT_EQ(shards.size(), 3U);
  EXPECT_EQ(shards[1].id, uuid_text(read_version(paths_, 2).shards.ids[1]));
  int64_t number = 0;
  read_range(dataset, 0, 44, 1, 1, reinterpret_cast<std::byte*>(&number));
  EXPECT_EQ(number, 44);
  const Error error = expect_error(ErrorCode::kNotFound, {shard_path(2, 0)}, [&] {
    read_range(dataset, 0, 3, 1, 1, reinterpret_cast<std::byte*>(&number));
  });
  EXPECT_EQ(error.context().file, shard_path(2, 0));
}

TEST_F(DirectoryDataset, AMissingShardIsNamedWithItsRowsAndWhatToDo) {
  const DatasetPtr dataset = dataset_from_directory(paths_, 2);
  const std::string id = shard_rows(*dataset)[1].id;
  std::filesystem::remove(shard_path(2, 1));
  int64_t number = 0;
  const Error error = expect_error(
      ErrorCode::kNotFound,
      {"shard " + id + " is missing", "rows 40 to 44", "Restore", "headrace verify"},
      [&] { read_range(dataset, 0, 44, 1, 1, reinterpret_cast<std::byte*>(&number)); });
  EXPECT_EQ(error.context().file, shard_path(2, 1));
  EXPECT_EQ(error.context().row, 40U);
}

TEST_F(DirectoryDataset, AShardThatIsALinkOrAnotherIsRefused) {
  const DatasetPtr dataset = dataset_from_directory(paths_, 2);
  int64_t number = 0;
  const auto read = [&](uint64_t row) {
    read_range(dataset, 0, row, 1, 1, reinterpret_cast<std::byte*>(&number));
  };
  std::filesystem::rename(shard_path(2, 0), dir_.path("away"));
  std::filesystem::create_symlink(dir_.path("away"), shard_path(2, 0));
  expect_error(ErrorCode::kCorrupt, {shard_path(2, 0)}, [&] { read(0); });
  std::filesystem::copy_file(shard_path(2, 1), shard_path(2, 2),
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_THROW(read(50), Error);
}

TEST_F(DirectoryDataset, ASoundShardInThePlaceOfAnotherIsToldByTheHashOfTheFile) {
  const ShardEntry other = write_shard(paths_, 16, 1000);
  std::filesystem::copy_file(paths_.shard(*parse_uuid(other.id)), shard_path(2, 2),
                             std::filesystem::copy_options::overwrite_existing);
  const DatasetPtr dataset = dataset_from_directory(paths_, 2, {.verify = true});
  int64_t number = 0;
  read_range(dataset, 0, 44, 1, 1, reinterpret_cast<std::byte*>(&number));
  expect_error(ErrorCode::kCorrupt, {shard_path(2, 2), "another hash"},
               [&] { read_range(dataset, 0, 50, 1, 1, reinterpret_cast<std::byte*>(&number)); });
}

TEST_F(DirectoryDataset, MoreBatchesThanAFileCanHoldAreRefused) {
  ShardEntry entry = write_shard(paths_, 16);
  entry.rows = uint64_t{1} << 40;
  entry.batch_rows = 1;
  commit_shards(paths_, {.schema = number_schema(), .entries = {entry}});
  expect_error(ErrorCode::kCorrupt, {entry.id, "record batches"},
               [&] { dataset_from_directory(paths_, 0); });
}

TEST_F(DirectoryDataset, ManyShardsCannotClaimManyBatchesEither) {
  // Each claims what one shard may have unseen; together that would be gigabytes of pieces.
  std::vector<ShardEntry> entries;
  for (int i = 0; i < 80; ++i) {
    entries.push_back(write_shard(paths_, 1));
    entries.back().rows = 4096;
    entries.back().batch_rows = 1;
  }
  commit_shards(paths_, {.schema = number_schema(), .entries = entries});
  expect_error(ErrorCode::kCorrupt, {"cannot hold", "record batches"},
               [&] { dataset_from_directory(paths_, 0); });
}

}  // namespace
}  // namespace headrace
