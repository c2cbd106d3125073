#include "dataset/versions.h"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/commit.h"
#include "dataset/retention.h"
#include "storage/durable_file.h"
#include "testing/dataset_directory.h"
#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

namespace fs = std::filesystem;

class VersionsTest : public testing::Test {
 protected:
  void set_latest(const std::string& text) const {
    std::ofstream(paths_.latest(), std::ios::trunc | std::ios::binary) << text;
  }

  // Overwrites the manifest of a version with one of another header.
  void rewrite(uint64_t version, auto change) const {
    Manifest manifest = read_manifest(paths_.manifest(version), ManifestParts::kShards);
    std::vector<ShardEntry> entries;
    for (size_t i = 0; i < manifest.shards.size(); ++i) {
      entries.push_back(manifest.shards.entry(i));
    }
    change(manifest.header);
    DurableFile file = DurableFile::create(paths_.manifests(), DurableFile::Unfinished::kNamed);
    write_manifest(file, manifest.header, entries);
    file.replace(DatasetPaths::manifest_name(version), false);
  }

  TempDir dir_;
  DatasetPaths paths_{dir_.path("data")};
};

TEST_F(VersionsTest, OfNothingIsNone) {
  EXPECT_EQ(newest_version(paths_), 0U);
  expect_error(ErrorCode::kNotFound, {paths_.root(), "no dataset"}, [&] { read_version(paths_); });
  expect_error(ErrorCode::kNotFound, {paths_.root()}, [&] { read_version(paths_, 3); });
  create_dataset_directories(paths_);
  EXPECT_EQ(newest_version(paths_), 0U);
}

TEST_F(VersionsTest, AreReadAsTheyWereCommitted) {
  std::vector<std::string> ids;
  std::vector<uint64_t> rows;
  for (uint64_t version = 1; version <= 9; ++version) {
    const ShardEntry entry = write_shard(paths_, version * 10);
    ids.push_back(entry.id);
    rows.push_back(version * 10);
    EXPECT_EQ(commit_shards(paths_, {.schema = number_schema(), .entries = {entry}}).version,
              version);
  }
  for (uint64_t version = 1; version <= 9; ++version) {
    const DatasetVersion read = read_version(paths_, version);
    EXPECT_EQ(read.header.version, version);
    EXPECT_EQ(read.header.rows, 10 * version * (version + 1) / 2);
    EXPECT_EQ(read.header.schema, number_schema());
    ASSERT_EQ(read.shards.size(), version);
    for (size_t i = 0; i < version; ++i) {
      EXPECT_EQ(uuid_text(read.shards.ids[i]), ids[i]);
      EXPECT_EQ(read.shards.rows[i], rows[i]);
    }
  }
  EXPECT_EQ(read_version(paths_).header.version, 9U);
  expect_error(ErrorCode::kNotFound, {"no version 10", "newest is 9"},
               [&] { read_version(paths_, 10); });
}

TEST_F(VersionsTest, KeepOriginsApartWhereTheyAreAskedFor) {
  for (uint64_t i = 0; i < 3; ++i) {
    ShardEntry entry = write_shard(paths_, i == 0 ? 100 : 1);
    entry.origins.assign(i, 100 + i);
    commit_shards(paths_, {.schema = number_schema(), .entries = {entry}});
  }
  const DatasetVersion version = read_version(paths_, 0, ManifestParts::kShardsAndOrigins);
  EXPECT_EQ(version.header.kind, ManifestKind::kAppend);
  EXPECT_TRUE(version.shards.entry(0).origins.empty());
  EXPECT_EQ(version.shards.entry(1).origins, std::vector<uint64_t>{101});
  EXPECT_EQ(version.shards.entry(2).origins, (std::vector<uint64_t>{102, 102}));
  EXPECT_TRUE(read_version(paths_).shards.origins.empty());
}

TEST_F(VersionsTest, AreFoundWhateverLatestSays) {
  for (int i = 0; i < 20; ++i) {
    commit_rows(paths_, 10);
  }
  const std::vector<std::string> texts = {"",
                                          "20",
                                          "20\n",
                                          "1",
                                          "19\n",
                                          "7\n\n",
                                          "0",
                                          "-1",
                                          "x",
                                          "20 20",
                                          " 20",
                                          "20\0",
                                          "0x14",
                                          "99999999999999999999",
                                          "2e1",
                                          "\xFF",
                                          "1.0",
                                          "../20",
                                          std::string(100'000, '1')};
  for (const std::string& text : texts) {
    set_latest(text);
    EXPECT_EQ(newest_version(paths_), 20U) << text.substr(0, 30);
  }
  fs::remove(paths_.latest());
  EXPECT_EQ(newest_version(paths_), 20U);
  fs::create_directory(paths_.latest());
  EXPECT_EQ(newest_version(paths_), 20U);
  fs::remove(paths_.latest());
  fs::create_symlink("/dev/zero", paths_.latest());
  EXPECT_EQ(newest_version(paths_), 20U);
}

TEST_F(VersionsTest, ThatLatestNamesAndAreMissingAreAnError) {
  for (int i = 0; i < 5; ++i) {
    commit_rows(paths_, 10);
  }
  for (const char* text : {"6", "21\n", "1000000", "18446744073709551615"}) {
    set_latest(text);
    expect_error(ErrorCode::kCorrupt, {"is not whole", "is missing", "open version 5"},
                 [&] { newest_version(paths_); });
    EXPECT_EQ(read_version(paths_, 5).header.rows, 50U) << text;
  }
  set_latest("5\n");
  fs::remove(paths_.manifest(5));
  expect_error(ErrorCode::kCorrupt, {"version 5", paths_.manifest(5)},
               [&] { read_version(paths_); });
}

TEST_F(VersionsTest, OfEveryNumberAreFoundWithoutAHint) {
  create_dataset_directories(paths_);
  for (uint64_t count = 1; count <= 70; ++count) {
    std::ofstream(paths_.manifest(count)) << "x";
    EXPECT_EQ(newest_version(paths_), count);
    set_latest(std::to_string(count / 2));
    EXPECT_EQ(newest_version(paths_), count);
    fs::remove(paths_.latest());
  }
}

TEST_F(VersionsTest, ThatWereRemovedSayWhatIsLeft) {
  commit_rows(paths_, 10);
  commit_rows(paths_, 10, true);
  commit_rows(paths_, 10, true);
  bury_version(paths_, 1);
  const Error error = expect_error(
      ErrorCode::kNotFound, {"version 1 was removed", "oldest that is left is 2", "newest is 3"},
      [&] { read_version(paths_, 1); });
  EXPECT_EQ(error.context().file, paths_.root());
  EXPECT_EQ(read_version(paths_, 2).header.version, 2U);
}

TEST_F(VersionsTest, DoNotTakeAnothersManifest) {
  commit_rows(paths_, 100);
  commit_rows(paths_, 1);
  commit_rows(paths_, 1);
  fs::copy_file(paths_.manifest(2), paths_.manifest(3), fs::copy_options::overwrite_existing);
  expect_error(ErrorCode::kCorrupt, {paths_.manifest(3), "version 2"},
               [&] { read_version(paths_); });
}

TEST_F(VersionsTest, DoNotRestOnAnotherFileThanTheOneTheyWereWrittenAfter) {
  commit_rows(paths_, 100);
  commit_rows(paths_, 1);
  commit_rows(paths_, 1);
  rewrite(2, [](ManifestHeader& header) { header.commit = make_uuid(); });
  EXPECT_EQ(read_version(paths_, 2).shards.size(), 2U) << "itself in order";
  expect_error(ErrorCode::kCorrupt, {paths_.manifest(3), "the manifest before it"},
               [&] { read_version(paths_, 3); });
}

TEST_F(VersionsTest, AreOfOneDatasetAndSchema) {
  commit_rows(paths_, 100);
  commit_rows(paths_, 1);
  const auto refused = [&](auto change, std::string_view what) {
    commit_rows(paths_, 1);
    const uint64_t newest = newest_version(paths_);
    rewrite(newest, change);
    expect_error(ErrorCode::kCorrupt, {paths_.manifests(), what}, [&] { read_version(paths_); });
    fs::remove(paths_.manifest(newest));
    fs::remove(paths_.latest());
  };
  refused([](ManifestHeader& header) { header.dataset = make_uuid(); }, "another dataset");
  refused([](ManifestHeader& header) { header.schema[0].dtype = DType::kInt8; }, "schema");
  refused([](ManifestHeader& header) { header.rows += 1; }, "rows");
  refused([](ManifestHeader& header) { header.shards += 1; }, "shards");
  refused([](ManifestHeader& header) { header.base = 2; }, "no snapshot");
  refused([](ManifestHeader& header) { *header.parent_xxh3 ^= 1; }, "before it");
  EXPECT_EQ(read_version(paths_).header.version, 2U);
}

TEST_F(VersionsTest, HaveABoundedNumberOfAppends) {
  commit_rows(paths_, 1000);
  for (uint64_t i = 0; i < kMaxAppends; ++i) {
    commit_rows(paths_, 1);
  }
  const uint64_t newest = newest_version(paths_);
  EXPECT_EQ(read_version(paths_).header.kind, ManifestKind::kAppend);
  // One more than a writer would write.
  const Manifest last = read_manifest(paths_.manifest(newest), ManifestParts::kShards);
  ManifestHeader header = last.header;
  header.version = newest + 1;
  header.parent_xxh3 = last.xxh3;
  DurableFile file = DurableFile::create(paths_.manifests());
  write_manifest(file, header, {});
  ASSERT_TRUE(file.publish(DatasetPaths::manifest_name(newest + 1)));
  expect_error(ErrorCode::kCorrupt, {paths_.manifest(newest + 1), "append number 65"},
               [&] { read_version(paths_); });
}

TEST_F(VersionsTest, AreNotReadThroughLinks) {
  commit_rows(paths_, 10);
  fs::rename(paths_.manifest(1), dir_.path("elsewhere"));
  fs::create_symlink(dir_.path("elsewhere"), paths_.manifest(1));
  expect_error(ErrorCode::kCorrupt, {"symbolic link"}, [&] { read_version(paths_); });
}

}  // namespace
}  // namespace headrace
