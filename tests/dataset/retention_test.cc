#include "dataset/retention.h"

#include <array>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/commit.h"
#include "dataset/leftovers.h"
#include "dataset/versions.h"
#include "testing/dataset_directory.h"
#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

class RetentionTest : public testing::Test {
 protected:
  TempDir dir_;
  DatasetPaths paths_{dir_.path("data")};
};

TEST_F(RetentionTest, LeavesATombstoneAndTheLaterVersions) {
  commit_rows(paths_, 100);
  commit_rows(paths_, 1);
  commit_rows(paths_, 1);
  commit_rows(paths_, 1, true);
  commit_rows(paths_, 1);
  for (const uint64_t version : {3, 2, 1}) {
    bury_version(paths_, version);
    bury_version(paths_, version);  // a second time is fine
    expect_error(ErrorCode::kNotFound, {"was removed"}, [&] { read_version(paths_, version); });
  }
  expect_error(ErrorCode::kNotFound, {"oldest that is left is 4"},
               [&] { read_version(paths_, 2); });
  EXPECT_EQ(read_version(paths_, 4).header.rows, 103U);
  EXPECT_EQ(read_version(paths_, 5).header.rows, 104U);
  EXPECT_EQ(commit_rows(paths_, 1).version, 6U) << "numbers are never free again";
}

// Reads the newest version again and again; returns what went wrong.
std::string read_newest(const std::stop_token& stop, const DatasetPaths& paths) {
  try {
    for (uint64_t last = 0; !stop.stop_requested();) {
      const uint64_t found = read_version(paths).header.version;
      if (found < last) {
        return "an older version came after a newer one";
      }
      last = found;
    }
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

TEST_F(RetentionTest, HidesNothingFromReadersOfTheNewestVersion) {
  commit_rows(paths_, 1);
  std::array<std::string, 4> failures;
  {
    std::vector<std::jthread> readers;
    for (std::string& failure : failures) {
      readers.emplace_back(
          [&](const std::stop_token& stop) { failure = read_newest(stop, paths_); });
    }
    for (uint64_t version = 2; version <= 60; ++version) {
      commit_shards(paths_, {.schema = number_schema(), .snapshot = true});
      bury_version(paths_, version - 1);
    }
  }
  EXPECT_EQ(failures, (std::array<std::string, 4>{}));
}

TEST_F(RetentionTest, RefusesWhatOthersRestOn) {
  commit_rows(paths_, 100);
  commit_rows(paths_, 1);
  commit_rows(paths_, 1);
  for (const uint64_t version : {1, 2}) {
    expect_error(ErrorCode::kInvalid, {"rests on it", "snapshot"},
                 [&] { bury_version(paths_, version); });
  }
  expect_error(ErrorCode::kInvalid, {"version 3", "newest"}, [&] { bury_version(paths_, 3); });
  for (const uint64_t version : {0, 4}) {
    expect_error(ErrorCode::kNotFound, {"no version"}, [&] { bury_version(paths_, version); });
  }
  EXPECT_EQ(read_version(paths_).header.rows, 102U);
}

TEST_F(RetentionTest, RefusesASnapshotWhoseAppendsWereLeft) {
  commit_rows(paths_, 100);
  commit_rows(paths_, 1);
  commit_rows(paths_, 1, true);
  expect_error(ErrorCode::kInvalid, {"version 2 rests on it"}, [&] { bury_version(paths_, 1); });
}

TEST_F(RetentionTest, KeepsShardsThatLaterVersionsName) {
  commit_rows(paths_, 100);
  commit_rows(paths_, 1, true);
  bury_version(paths_, 1);
  for (const auto& file : std::filesystem::directory_iterator(paths_.shards())) {
    make_older(file.path(), std::chrono::hours(1000));
  }
  EXPECT_EQ(collect_leftovers(paths_, std::chrono::hours(1)), Collected{});
}

// Of a dataset with shards of 10, 20, 30 and 40 rows.
class DroppedShards : public RetentionTest {
 protected:
  DroppedShards() {
    for (const uint64_t rows : {10, 20, 30, 40}) {
      commit_rows(paths_, rows);
    }
  }

  CommitResult retain(const Retain& what) const { return commit_shards(paths_, {.retain = what}); }

  void make_versions_older(std::chrono::hours age) const {
    for (const auto& file : std::filesystem::directory_iterator(paths_.manifests())) {
      make_older(file.path(), age);
    }
  }

  uint64_t files() const {
    const std::filesystem::directory_iterator found(paths_.shards());
    return static_cast<uint64_t>(std::distance(begin(found), end(found)));
  }
};

TEST_F(DroppedShards, AreThoseBeforeTheNewest) {
  EXPECT_EQ(retain({.shards = 2}).version, 5U);
  const DatasetVersion version = read_version(paths_);
  EXPECT_EQ(version.shards.rows, (std::vector<uint64_t>{30, 40}));
  EXPECT_EQ(version.header.first_row, 30U);
  EXPECT_EQ(version.header.rows, 70U);
  EXPECT_EQ(version.header.kind, ManifestKind::kSnapshot);
  EXPECT_EQ(version.header.schema, number_schema());
  EXPECT_EQ(version.header.dataset, read_version(paths_, 1).header.dataset);
  EXPECT_EQ(read_version(paths_, 4).header.rows, 100U) << "who opened it keeps it";
  commit_rows(paths_, 5);
  EXPECT_EQ(read_version(paths_).header.first_row, 30U) << "appends keep it";
  EXPECT_EQ(retain({.shards = 1}).rows, 5U);
  EXPECT_EQ(read_version(paths_).header.first_row, 100U);
}

TEST_F(DroppedShards, LeaveAtLeastSoManyRows) {
  EXPECT_EQ(retain({.rows = 71}).rows, 90U) << "shards stay whole";
  EXPECT_EQ(retain({.rows = 70}).rows, 70U);
  EXPECT_EQ(retain({.shards = 2, .rows = 1}).rows, 70U) << "both hold";
  EXPECT_EQ(retain({}).rows, 40U) << "the last one stays";
}

TEST_F(DroppedShards, WhereThereAreNoneNoVersionIsWritten) {
  for (const Retain& what : {Retain{.shards = 4}, Retain{.rows = 91}, Retain{.rows = UINT64_MAX}}) {
    const CommitResult found = retain(what);
    EXPECT_EQ(found.version, 4U);
    EXPECT_EQ(found.rows, 100U);
  }
  EXPECT_EQ(newest_version(paths_), 4U);
}

TEST_F(DroppedShards, AreNotAddedInTheSameCommit) {
  expect_error(ErrorCode::kInvalid, {"make two"}, [&] {
    commit_shards(paths_, {.schema = number_schema(),
                           .entries = {write_shard(paths_, 1)},
                           .retain = Retain{.shards = 1}});
  });
  const DatasetPaths nowhere(dir_.path("nowhere"));
  expect_error(ErrorCode::kNotFound, {"no dataset"},
               [&] { commit_shards(nowhere, {.retain = Retain{.shards = 1}}); });
  expect_error(ErrorCode::kNotFound, {"no dataset"},
               [&] { remove_dropped(nowhere, std::chrono::hours(1)); });
}

TEST_F(DroppedShards, AreNeverThoseThatOthersAddMeanwhile) {
  constexpr int kCommits = 40;
  {
    const std::jthread writer([&] {
      for (int i = 0; i < kCommits; ++i) {
        commit_rows(paths_, 1);
      }
    });
    for (int i = 0; i < kCommits; ++i) {
      retain({.shards = 3});
      remove_dropped(paths_, std::chrono::hours(1));
    }
  }
  const DatasetVersion version = read_version(paths_);
  EXPECT_EQ(version.header.first_row + version.header.rows, 100U + kCommits)
      << "no row was lost but from the front";
  EXPECT_GE(version.shards.size(), 3U);
}

TEST_F(DroppedShards, HaveFilesUntilTheirVersionsAreOld) {
  retain({.shards = 1});
  EXPECT_EQ(remove_dropped(paths_, std::chrono::hours(1)).files, Collected{});
  EXPECT_EQ(files(), 4U);
  make_versions_older(std::chrono::hours(2));
  commit_rows(paths_, 1);
  EXPECT_EQ(remove_dropped(paths_, std::chrono::hours(3)).versions, std::vector<uint64_t>{});
  const Removed removed = remove_dropped(paths_, std::chrono::hours(1));
  EXPECT_EQ(removed.versions, (std::vector<uint64_t>{1, 2, 3, 4}));
  EXPECT_EQ(removed.shards.size(), 3U);
  EXPECT_EQ(removed.files.files, 3U);
  EXPECT_GT(removed.files.bytes, 60 * sizeof(int64_t));
  EXPECT_EQ(files(), 2U);
  for (const uint64_t version : {1, 2, 3, 4}) {
    expect_error(ErrorCode::kNotFound, {"was removed", "oldest that is left is 5"},
                 [&] { read_version(paths_, version); });
  }
  EXPECT_EQ(read_version(paths_, 5).header.rows, 40U);
  EXPECT_EQ(read_version(paths_).header.rows, 41U);
  EXPECT_EQ(remove_dropped(paths_, std::chrono::hours(0)).shards.size(), 0U) << "nothing twice";
}

TEST_F(DroppedShards, StayWhereAReaderMayHaveTheirVersionSinceNotLong) {
  retain({.shards = 3});  // version 5
  make_versions_older(std::chrono::hours(2));
  retain({.shards = 1});  // version 6: who has 5 has it since less than an hour, maybe
  EXPECT_EQ(remove_dropped(paths_, std::chrono::hours(1)).files.files, 1U) << "that of 10 rows";
  EXPECT_EQ(read_version(paths_, 5).header.rows, 90U);
  expect_error(ErrorCode::kNotFound, {"was removed"}, [&] { read_version(paths_, 4); });
}

TEST_F(DroppedShards, AreNoReasonToRemoveVersionsWithoutThem) {
  make_versions_older(std::chrono::hours(2));
  commit_rows(paths_, 1, true);
  EXPECT_EQ(remove_dropped(paths_, std::chrono::hours(0)).files, Collected{});
  EXPECT_EQ(read_version(paths_, 1).header.rows, 10U) << "nothing was ever dropped";
}

TEST_F(DroppedShards, AreRemovedAfterARemovalThatDiedHalfWay) {
  retain({.shards = 1});
  bury_version(paths_, 1);  // the oldest first, as remove_dropped() does it
  bury_version(paths_, 2);
  make_versions_older(std::chrono::hours(2));
  EXPECT_EQ(remove_dropped(paths_, std::chrono::hours(1)).files.files, 3U);
}

TEST_F(DroppedShards, AreKeptForVersionsBeforeOneThatWasRemovedByHand) {
  retain({.shards = 1});
  bury_version(paths_, 3);
  EXPECT_EQ(remove_dropped(paths_, std::chrono::hours(0)).versions,
            (std::vector<uint64_t>{1, 2, 4}));
  expect_error(ErrorCode::kNotFound, {"was removed"}, [&] { read_version(paths_, 1); });
}

TEST_F(DroppedShards, AreFoundAmongManyVersions) {
  for (int i = 0; i < 200; ++i) {
    commit_shards(paths_, {.schema = number_schema()});
    if (i % 50 == 20) {
      commit_rows(paths_, 5);
      retain({.shards = 2});
    }
  }
  make_versions_older(std::chrono::hours(2));
  const uint64_t before = newest_version(paths_);
  commit_rows(paths_, 5);
  retain({.shards = 2});
  const Removed removed = remove_dropped(paths_, std::chrono::hours(1));
  EXPECT_LT(removed.versions.back(), before) << "which may have been read until now";
  EXPECT_EQ(removed.versions.size(), removed.versions.back()) << "from the first, without a gap";
  EXPECT_EQ(read_version(paths_, removed.versions.back() + 1).header.kind, ManifestKind::kSnapshot);
  for (uint64_t version = removed.versions.back() + 1; version <= newest_version(paths_);
       ++version) {
    for (const Uuid& id : read_version(paths_, version).shards.ids) {
      EXPECT_TRUE(std::filesystem::exists(paths_.shard(id)));
    }
  }
  EXPECT_EQ(remove_dropped(paths_, std::chrono::hours(1)).versions.size(), 0U);
  EXPECT_EQ(remove_dropped(paths_, std::chrono::hours(0)).versions.front(),
            removed.versions.back() + 1);
}

TEST_F(RetentionTest, DropsASnapshotWithItsAppends) {
  commit_rows(paths_, 100);
  commit_rows(paths_, 1);
  commit_rows(paths_, 2);
  commit_shards(paths_, {.retain = Retain{.shards = 1}});
  EXPECT_EQ(remove_dropped(paths_, std::chrono::hours(0)).files.files, 2U);
  for (const uint64_t version : {1, 2, 3}) {
    expect_error(ErrorCode::kNotFound, {"was removed"}, [&] { read_version(paths_, version); });
  }
  EXPECT_EQ(read_version(paths_).header.rows, 2U);
}

}  // namespace
}  // namespace headrace
