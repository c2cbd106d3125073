#include "dataset/commit.h"

#include <array>
#include <chrono>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/versions.h"
#include "storage/file.h"
#include "testing/dataset_directory.h"
#include "testing/errors.h"
#include "testing/sanitizers.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;

class CommitTest : public testing::Test {
 protected:
  CommitResult commit(std::vector<ShardEntry> entries, const std::string& metadata = "{}",
                      bool replace = false) const {
    return commit_shards(paths_, {.schema = number_schema(),
                                  .entries = std::move(entries),
                                  .metadata = metadata,
                                  .replace_metadata = replace});
  }

  TempDir dir_;
  DatasetPaths paths_{dir_.path("a/b/data")};
};

TEST_F(CommitTest, MakesTheDatasetAndThenAddsToIt) {
  const ShardEntry first = write_shard(paths_, 10);
  const ShardEntry second = write_shard(paths_, 20);
  const CommitResult one = commit({first});
  EXPECT_EQ(one.version, 1U);
  EXPECT_EQ(one.rows, 10U);
  const CommitResult two = commit({second, write_shard(paths_, 30)});
  EXPECT_EQ(two.version, 2U);
  EXPECT_EQ(two.rows, 60U);
  EXPECT_NE(one.commit, two.commit);
  const DatasetVersion version = read_version(paths_);
  EXPECT_EQ(version.header.dataset, read_version(paths_, 1).header.dataset);
  EXPECT_EQ(version.header.commit, two.commit);
  EXPECT_EQ(version.shards.rows, (std::vector<uint64_t>{10, 20, 30}));
  EXPECT_EQ(version.shards.entry(0), first);
}

TEST_F(CommitTest, LeavesNothingButItsFiles) {
  for (int i = 0; i < 5; ++i) {
    commit_rows(paths_, 10);
  }
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(paths_.root())) {
    names.insert(entry.path().filename().string());
  }
  EXPECT_EQ(names.size(), 2U + 5 + 5 + 1) << "two directories, shards, manifests, latest";
  std::array<std::byte, 8> latest = {};
  EXPECT_EQ(read_file_head(paths_.latest(), latest), 2U);
  EXPECT_EQ(static_cast<char>(latest[0]), '5');
}

TEST_F(CommitTest, WithoutShardsChangesMetadataOnly) {
  EXPECT_EQ(commit({}, R"({"a": 1})").version, 1U) << "an empty dataset";
  EXPECT_EQ(read_version(paths_).header.schema, number_schema());
  commit_rows(paths_, 10);
  EXPECT_EQ(commit({}, R"({"b": [2]})").rows, 10U);
  EXPECT_EQ(read_version(paths_).header.metadata, R"({"a":1,"b":[2]})");
  commit({}, R"({"a": null})");
  EXPECT_EQ(read_version(paths_).header.metadata, R"({"b":[2]})");
  commit_rows(paths_, 10);
  EXPECT_EQ(read_version(paths_).header.metadata, R"({"b":[2]})") << "kept by other commits";
  commit({}, R"({"c": 3})", true);
  EXPECT_EQ(read_version(paths_).header.metadata, R"({"c":3})");
  expect_error(ErrorCode::kInvalid, {"JSON object"}, [&] { commit({}, "[]"); });
}

TEST_F(CommitTest, IsASnapshotAfterAQuarterMoreRows) {
  const auto kind_after = [&](uint64_t rows) {
    commit_rows(paths_, rows);
    return read_version(paths_).header.kind;
  };
  EXPECT_EQ(kind_after(100), ManifestKind::kSnapshot);
  EXPECT_EQ(kind_after(10), ManifestKind::kAppend);
  EXPECT_EQ(kind_after(15), ManifestKind::kAppend);
  EXPECT_EQ(kind_after(1), ManifestKind::kSnapshot) << "26 rows are more than a quarter of 100";
  EXPECT_EQ(kind_after(31), ManifestKind::kAppend);
  EXPECT_EQ(kind_after(1), ManifestKind::kSnapshot) << "32 rows are more than a quarter of 126";
  EXPECT_EQ(read_version(paths_).shards.size(), 6U);
}

TEST_F(CommitTest, IsASnapshotAfter64Appends) {
  commit_rows(paths_, 10'000);
  for (uint64_t i = 0; i < kMaxAppends; ++i) {
    EXPECT_EQ(read_version(paths_).header.kind == ManifestKind::kSnapshot, i == 0);
    commit_rows(paths_, 1);
  }
  EXPECT_EQ(read_version(paths_).header.kind, ManifestKind::kAppend);
  commit_rows(paths_, 1);
  EXPECT_EQ(read_version(paths_).header.kind, ManifestKind::kSnapshot);
  EXPECT_EQ(read_version(paths_).header.rows, 10'065U);
}

TEST_F(CommitTest, KeepsOriginsThroughSnapshots) {
  ShardEntry entry = write_shard(paths_, 10);
  entry.origins = {1, 2, 3};
  commit({entry});
  commit_rows(paths_, 10, true);
  const DatasetVersion version = read_version(paths_, 0, ManifestParts::kShardsAndOrigins);
  EXPECT_EQ(version.header.kind, ManifestKind::kSnapshot);
  EXPECT_EQ(version.shards.entry(0), entry);
}

TEST_F(CommitTest, RefusesShardsThatAreNotThere) {
  commit_rows(paths_, 10);
  ShardEntry entry = write_shard(paths_, 10);
  entry.id = uuid_text(make_uuid());
  expect_error(ErrorCode::kInvalid, {entry.id, "does not exist"}, [&] { commit({entry}); });
  fs::create_directory(paths_.shard(*parse_uuid(entry.id)));
  expect_error(ErrorCode::kInvalid, {entry.id, "no regular file"}, [&] { commit({entry}); });
  const ShardEntry other = write_shard(paths_, 10);
  entry.id = uuid_text(make_uuid());
  fs::create_symlink(paths_.shard(*parse_uuid(other.id)), paths_.shard(*parse_uuid(entry.id)));
  expect_error(ErrorCode::kInvalid, {entry.id, "no regular file"}, [&] { commit({entry}); });
  EXPECT_EQ(newest_version(paths_), 1U);
}

TEST_F(CommitTest, NeedsNoFilesOfShardsThatAreInAStore) {
  const ShardEntry entry = write_shard(paths_, 10);
  fs::remove_all(paths_.shards());
  expect_error(ErrorCode::kInvalid, {entry.id, "does not exist"}, [&] { commit({entry}); });
  const CommitResult result =
      commit_shards(paths_, {.schema = number_schema(), .entries = {entry}, .files_here = false});
  EXPECT_EQ(result.version, 1U);
  EXPECT_EQ(read_version(paths_).shards.entry(0), entry);
}

TEST_F(CommitTest, KeepsHowShardsAreStored) {
  ShardEntry stored = write_shard(paths_, 10);
  stored.encoding = ShardEncoding::kZstd;
  const ShardEntry plain = write_shard(paths_, 100);
  commit({plain});
  commit({stored});  // an append
  const ShardTable shards = read_version(paths_).shards;
  EXPECT_EQ(shards.encodings, (std::vector{ShardEncoding::kPlain, ShardEncoding::kZstd}));
  EXPECT_EQ(shards.entry(1), stored);
}

TEST_F(CommitTest, RefusesShardsOfAnotherSize) {
  const ShardEntry entry = write_shard(paths_, 10);
  fs::resize_file(paths_.shard(*parse_uuid(entry.id)), entry.stored_bytes - 1);
  expect_error(ErrorCode::kInvalid, {entry.id, std::to_string(entry.stored_bytes)},
               [&] { commit({entry}); });
  EXPECT_EQ(newest_version(paths_), 0U);
}

TEST_F(CommitTest, RefusesShardsThatMayBeCollectedSoon) {
  const ShardEntry entry = write_shard(paths_, 10);
  make_older(paths_.shard(*parse_uuid(entry.id)), kCollectionAge / 2 + hours(1));
  expect_error(ErrorCode::kInvalid, {entry.id, "write it again"}, [&] { commit({entry}); });
  make_older(paths_.shard(*parse_uuid(entry.id)), -hours(2));
  EXPECT_EQ(commit({entry}).version, 1U);
}

TEST_F(CommitTest, RefusesShardsTwice) {
  const ShardEntry entry = write_shard(paths_, 10);
  expect_error(ErrorCode::kInvalid, {entry.id, "twice"}, [&] { commit({entry, entry}); });
  commit({entry});
  commit_rows(paths_, 1);
  expect_error(ErrorCode::kInvalid, {entry.id, "already"}, [&] { commit({entry}); });
  ShardEntry hostile = entry;
  hostile.id = "../../etc/passwd";
  expect_error(ErrorCode::kInvalid, {"UUID"}, [&] { commit({hostile}); });
}

TEST_F(CommitTest, RefusesAnotherSchemaNamingTheColumn) {
  commit_shards(
      paths_,
      {.schema = {
           {.name = "x", .dtype = DType::kInt64},
           {.name = "w", .dtype = DType::kFloat32, .kind = ColumnKind::kCsr, .width = 100}}});
  const auto refused = [&](Schema schema, std::string_view column,
                           std::initializer_list<std::string_view> words) {
    const Error error = expect_error(ErrorCode::kInvalid, words,
                                     [&] { commit_shards(paths_, {.schema = schema}); });
    EXPECT_EQ(error.context().column, column);
  };
  const Schema good = read_version(paths_).header.schema;
  const auto changed = [&](auto change) {
    Schema schema = good;
    change(schema);
    return schema;
  };
  refused(changed([](Schema& s) { s[0].dtype = DType::kFloat32; }), "x", {"int64", "float32"});
  refused(changed([](Schema& s) { s[0].row_shape = {3}; }), "x", {"int64[3]"});
  refused(changed([](Schema& s) { s[1].width = 101; }), "w", {"[100]", "[101]", "columns="});
  refused(changed([](Schema& s) { s[1].index_dtype = DType::kInt32; }), "w", {"csr"});
  refused(changed([](Schema& s) { s[0].name = "y"; }), "y", {"x: int64", "y: int64"});
  refused(changed([](Schema& s) { s.pop_back(); }), "w", {"column 1 is missing in the new shards"});
  refused(changed([](Schema& s) { s.push_back({.name = "z"}); }), "z",
          {"z: uint8", "missing in the dataset"});
  refused(changed([](Schema& s) { std::swap(s[0], s[1]); }), "w", {"order"});
  EXPECT_EQ(newest_version(paths_), 1U);
  commit_shards(paths_, {.schema = changed([](Schema& s) { s[1].width = 7; })});
  EXPECT_EQ(read_version(paths_).header.schema, good) << "a narrower shard narrows nothing";
}

TEST_F(CommitTest, BuildsOnNothingThatIsDamaged) {
  commit_rows(paths_, 10);
  const ShardEntry entry = write_shard(paths_, 10);
  fs::resize_file(paths_.manifest(1), 100);
  EXPECT_THROW(commit({entry}), Error);
  EXPECT_FALSE(fs::exists(paths_.manifest(2)));
}

// Processes that write and commit at the same time, each its own number of rows.
TEST_F(CommitTest, OfManyProcessesIsThereExactlyOnce) {
  if (kThreadSanitizer) {
    GTEST_SKIP() << "ThreadSanitizer refuses processes that fork";
  }
  constexpr uint64_t kProcesses = 6;
  constexpr uint64_t kCommits = 15;
  std::vector<pid_t> children;
  for (uint64_t process = 0; process < kProcesses; ++process) {
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        for (uint64_t i = 0; i < kCommits; ++i) {
          commit_rows(paths_, 1 + process * kCommits + i);
        }
      } catch (const std::exception& error) {
        ::write(2, error.what(), std::string_view(error.what()).size());
        ::_exit(1);
      }
      ::_exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  const DatasetVersion version = read_version(paths_);
  EXPECT_EQ(version.header.version, kProcesses * kCommits);
  std::set<uint64_t> rows(version.shards.rows.begin(), version.shards.rows.end());
  EXPECT_EQ(rows.size(), kProcesses * kCommits);
  EXPECT_EQ(version.shards.size(), kProcesses * kCommits);
  EXPECT_EQ(*rows.rbegin(), kProcesses * kCommits);
}

}  // namespace
}  // namespace headrace
