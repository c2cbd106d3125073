#include "dataset/leftovers.h"

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/commit.h"
#include "dataset/retention.h"
#include "dataset/versions.h"
#include "testing/dataset_directory.h"
#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;

class LeftoversTest : public testing::Test {
 protected:
  // A shard that no version names, last written so long ago; its path.
  std::string leave_shard(std::chrono::seconds age) const {
    std::string path = paths_.shard(*parse_uuid(write_shard(paths_, 5).id));
    make_older(path, age);
    return path;
  }

  TempDir dir_;
  DatasetPaths paths_{dir_.path("data")};
};

TEST_F(LeftoversTest, AreCollectedByAge) {
  commit_rows(paths_, 10);
  const std::string old = leave_shard(hours(3));
  const std::string young = leave_shard(hours(1));
  const uint64_t bytes = fs::file_size(old);
  EXPECT_EQ(collect_leftovers(paths_, hours(4)), Collected{});
  EXPECT_EQ(collect_leftovers(paths_, hours(2)), (Collected{.files = 1, .bytes = bytes}));
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(young));
  EXPECT_EQ(collect_leftovers(paths_, hours(2)), Collected{});
}

TEST_F(LeftoversTest, AreNoShardsThatAnyVersionNames) {
  commit_rows(paths_, 100);  // a snapshot
  commit_rows(paths_, 1);    // an append
  commit_rows(paths_, 100);  // a snapshot again
  commit_rows(paths_, 1);
  for (const auto& file : fs::directory_iterator(paths_.shards())) {
    make_older(file.path(), hours(1000));
  }
  EXPECT_EQ(collect_leftovers(paths_, hours(1)), Collected{});
  EXPECT_EQ(read_version(paths_).shards.size(), 4U);
}

TEST_F(LeftoversTest, AreKnownFromTheVersionsThatAreLookedAt) {
  for (const uint64_t rows : {100, 1, 100}) {  // a snapshot, an append, a snapshot
    commit_rows(paths_, rows);
  }
  const Uuid unnamed = make_uuid();
  std::vector<Uuid> ids = read_version(paths_).shards.ids;
  ids.push_back(unnamed);
  EXPECT_EQ(unnamed_shards(paths_, ids), std::vector<Uuid>{unnamed});
  fs::remove(paths_.manifest(1));
  expect_error(ErrorCode::kNotFound, {}, [&] { unnamed_shards(paths_, ids); });
  EXPECT_EQ(unnamed_shards(paths_, ids, 2), std::vector<Uuid>{unnamed});
  ids.pop_back();
  EXPECT_EQ(unnamed_shards(paths_, ids), std::vector<Uuid>{}) << "the last one names all";
}

TEST_F(LeftoversTest, AreUnfinishedFilesWhereverTheyLie) {
  commit_rows(paths_, 10);
  const std::string name = ".tmp-" + uuid_text(make_uuid());
  for (const std::string& directory : {paths_.root(), paths_.shards(), paths_.manifests()}) {
    std::ofstream(directory + "/" + name) << "half";
    make_older(directory + "/" + name, hours(3));
  }
  EXPECT_EQ(collect_leftovers(paths_, hours(2)), (Collected{.files = 3, .bytes = 12}));
  EXPECT_EQ(read_version(paths_).header.rows, 10U);
}

TEST_F(LeftoversTest, AreNeverFilesOfOthers) {
  commit_rows(paths_, 10);
  for (const std::string name :
       {"mine.arrow", ".tmp-mine", "01234567-89AB-4DEF-8123-456789ABCDEF.arrow", "README",
        "01234567-89ab-4def-8123-456789abcdef"}) {
    std::ofstream(paths_.shards() + "/" + name) << "x";
    make_older(paths_.shards() + "/" + name, hours(1000));
  }
  fs::create_directory(paths_.shard(make_uuid()));
  const std::string elsewhere = dir_.fill("elsewhere", 4);
  const std::string link = paths_.shard(make_uuid());
  fs::create_symlink(elsewhere, link);
  EXPECT_EQ(collect_leftovers(paths_, hours(0)), Collected{});
  EXPECT_TRUE(fs::exists(elsewhere));
  EXPECT_TRUE(fs::is_symlink(link));
}

TEST_F(LeftoversTest, StayWhereAVersionCannotBeRead) {
  commit_rows(paths_, 10);
  commit_rows(paths_, 1);
  const std::string old = leave_shard(hours(3));
  fs::resize_file(paths_.manifest(1), 100);
  EXPECT_THROW(collect_leftovers(paths_, hours(2)), Error);
  EXPECT_TRUE(fs::exists(old));
}

TEST_F(LeftoversTest, OfADatasetThatNeverWasCommittedGoToo) {
  EXPECT_EQ(collect_leftovers(paths_, hours(2)), Collected{}) << "there is no directory yet";
  const std::string old = leave_shard(hours(3));
  EXPECT_EQ(collect_leftovers(paths_, hours(2)).files, 1U);
  EXPECT_FALSE(fs::exists(old));
}

TEST_F(LeftoversTest, AreCollectedByAWriterOfASnapshot) {
  commit_rows(paths_, 10);
  const std::string old = leave_shard(kCollectionAge + hours(1));
  const std::string young = leave_shard(kCollectionAge - hours(1));
  commit_rows(paths_, 1);
  EXPECT_TRUE(fs::exists(old)) << "an append looks at nothing";
  commit_rows(paths_, 1, true);
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(young));
}

TEST_F(LeftoversTest, OfACommitThatFailedAreOnlyWhatNoVersionNames) {
  const ShardEntry committed = write_shard(paths_, 5);
  const ShardEntry left = write_shard(paths_, 5);
  const std::array<Uuid, 3> ids = {*parse_uuid(committed.id), *parse_uuid(left.id), make_uuid()};
  commit_shards(paths_, {.schema = number_schema(), .entries = {committed}});
  commit_rows(paths_, 1);
  EXPECT_EQ(remove_uncommitted(paths_, ids), (Collected{.files = 1, .bytes = left.stored_bytes}));
  EXPECT_TRUE(fs::exists(paths_.shard(ids[0])));
  EXPECT_FALSE(fs::exists(paths_.shard(ids[1])));
  fs::resize_file(paths_.manifest(1), 100);
  EXPECT_THROW(remove_uncommitted(paths_, ids), Error);
  EXPECT_TRUE(fs::exists(paths_.shard(ids[0])));
}

TEST_F(LeftoversTest, OfAFirstCommitThatFailedAreAllOfIt) {
  const std::array<Uuid, 1> ids = {*parse_uuid(write_shard(paths_, 5).id)};
  EXPECT_EQ(remove_uncommitted(paths_, ids).files, 1U);
}

TEST_F(LeftoversTest, HaveAnAgeThatFits) {
  commit_rows(paths_, 10);
  for (const std::chrono::seconds age :
       {std::chrono::seconds(-1), std::chrono::seconds::max(), std::chrono::seconds::min()}) {
    expect_error(ErrorCode::kInvalid, {"hundred years"}, [&] { collect_leftovers(paths_, age); });
  }
}

}  // namespace
}  // namespace headrace
