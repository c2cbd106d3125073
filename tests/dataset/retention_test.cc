#include "dataset/retention.h"

#include <array>
#include <chrono>
#include <filesystem>
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

}  // namespace
}  // namespace headrace
