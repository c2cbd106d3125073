#include "dataset/shard_copy.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "dataset/commit.h"
#include "dataset/shard_builder.h"
#include "testing/errors.h"
#include "testing/shards.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

using Bytes = std::vector<std::byte>;

const Poll kNoPoll = [] {};

class ShardCopy : public testing::Test {
 protected:
  ShardCopy() { create_dataset_directories(to_); }

  ShardEntry build(ShardEncoding encoding) {
    ShardBuilder builder(from_.root(), schema_of(columns_), {}, encoding);
    std::vector<ColumnView> views;
    for (const ShardColumn& column : columns_) {
      views.push_back(column.view(0, column.rows));
    }
    builder.write(views);
    return builder.finish().at(0);
  }

  static Bytes bytes_of(const std::string& path) {
    const File file(path);
    Bytes bytes(file.info().size);
    file.read(0, bytes);
    return bytes;
  }

  static std::string path(const DatasetPaths& paths, const ShardEntry& entry) {
    return paths.shard(*parse_uuid(entry.id));
  }

  size_t files() const {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(to_.shards())) {
      ++count;
    }
    return count;
  }

  TempDir folder_;
  DatasetPaths from_{folder_.path() + "/from"};
  DatasetPaths to_{folder_.path() + "/to"};
  std::vector<ShardColumn> columns_ = {make_column({.name = "x"}, 1000), blobs("b", 1000, 30)};
};

TEST_F(ShardCopy, OfACompressedShardIsTheOneWithoutCompression) {
  const ShardEntry plain = build(ShardEncoding::kPlain);
  ShardEntry stored = build(ShardEncoding::kZstd);
  EXPECT_LT(stored.stored_bytes, plain.stored_bytes);
  EXPECT_EQ(stored.bytes, plain.bytes);
  stored.origins = {1, 2};
  const ShardEntry copy = copy_expanded(from_, stored, to_, kNoPoll);
  EXPECT_NE(copy.id, stored.id);
  EXPECT_EQ(copy.origins, stored.origins);
  EXPECT_EQ(copy.encoding, ShardEncoding::kPlain);
  const Bytes bytes = bytes_of(path(to_, copy));
  EXPECT_EQ(bytes, bytes_of(path(from_, plain)));
  EXPECT_EQ(copy.bytes, bytes.size());
  EXPECT_EQ(copy.stored_bytes, bytes.size());
  EXPECT_EQ(copy.stored_xxh3, hash_bytes(bytes));
}

TEST_F(ShardCopy, OfAPlainShardIsThatShard) {
  const ShardEntry plain = build(ShardEncoding::kPlain);
  ShardEntry copy = copy_expanded(from_, plain, to_, kNoPoll);
  EXPECT_EQ(bytes_of(path(to_, copy)), bytes_of(path(from_, plain)));
  copy.id = plain.id;
  EXPECT_EQ(copy, plain);
}

TEST_F(ShardCopy, LeavesNothingBehindOfAFileThatWasNotCommitted) {
  for (const ShardEncoding encoding : {ShardEncoding::kPlain, ShardEncoding::kZstd}) {
    const ShardEntry entry = build(encoding);
    ShardEntry other = entry;
    other.stored_xxh3 ^= 1;
    expect_error(ErrorCode::kCorrupt, {entry.id, "another hash"},
                 [&] { copy_expanded(from_, other, to_, kNoPoll); });
    other = entry;
    other.stored_bytes += 1;
    expect_error(ErrorCode::kTruncated, {entry.id},
                 [&] { copy_expanded(from_, other, to_, kNoPoll); });
    std::filesystem::remove(path(from_, entry));
    expect_error(ErrorCode::kNotFound, {entry.id},
                 [&] { copy_expanded(from_, entry, to_, kNoPoll); });
  }
  ShardEntry stored = build(ShardEncoding::kZstd);
  stored.bytes -= 1;
  expect_error(ErrorCode::kCorrupt, {stored.id, "promises"},
               [&] { copy_expanded(from_, stored, to_, kNoPoll); });
  EXPECT_EQ(files(), 0U);
}

}  // namespace
}  // namespace headrace
