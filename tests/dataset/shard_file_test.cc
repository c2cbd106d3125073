#include "dataset/shard_file.h"

#include <filesystem>
#include <thread>

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/shard_reading.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

// One file, and what is expected of it.
class OneFile : public ShardSet {
 public:
  OneFile(const std::vector<ShardColumn>& columns, std::string path, ExpectedShard expected,
          ShardReading reading = {})
      : ShardSet(schema_of(columns), reading), path_(std::move(path)), expected_(expected) {}
  std::string path(size_t /*shard*/) const override { return path_; }
  std::string id(size_t /*shard*/) const override { return "id"; }
  ExpectedShard expected(size_t /*shard*/) const override { return expected_; }

 private:
  std::string path_;
  ExpectedShard expected_;
};

class ShardFiles : public testing::Test {
 protected:
  ShardFile file(ExpectedShard expected, ShardReading reading = {}) const {
    return ShardFile(std::make_shared<const OneFile>(columns_, path_, expected, reading), 0);
  }
  ExpectedShard right() const {
    return {.rows = 20,
            .bytes = bytes_.size(),
            .rules = LayoutRules::kProfileOnly,
            .links = Links::kRefuse};
  }

  TempDir dir_;
  std::vector<ShardColumn> columns_ = columns_of_each_kind(20);
  std::vector<std::byte> bytes_ = shard_bytes(columns_, 8);
  std::string path_ = dir_.write("a.arrow", bytes_);
};

TEST_F(ShardFiles, OpenOnceForAllThreads) {
  const ShardFile shard = file(right());
  std::vector<const OpenShard*> found(8);
  {
    std::vector<std::jthread> threads;
    for (auto& place : found) {
      threads.emplace_back([&] { place = &shard.open(); });
    }
  }
  for (const OpenShard* open : found) {
    EXPECT_EQ(open, found.front());
  }
  EXPECT_EQ(found.front()->layout.batches.size(), 3U);
  EXPECT_NE(found.front()->map, nullptr);
  EXPECT_EQ(file(right(), {.io = Io::kPread}).open().map, nullptr);
}

TEST_F(ShardFiles, AnotherFileInTheirPlaceIsRefusedAndNamed) {
  ExpectedShard other = right();
  other.rows = 21;
  expect_error(ErrorCode::kCorrupt, {"a.arrow", "20 rows", "21"}, [&] { file(other).open(); });
  other = right();
  other.bytes -= 1;
  expect_error(ErrorCode::kCorrupt, {"a.arrow", "bytes"}, [&] { file(other).open(); });
  other.bytes += 2;
  expect_error(ErrorCode::kTruncated, {"a.arrow"}, [&] { file(other).open(); });
  columns_[0].field.name = "renamed";
  expect_error(ErrorCode::kCorrupt, {"scalar: float64", "renamed: float64"},
               [&] { file(right()).open(); });
  columns_[0].field.name = "scalar";
  columns_.pop_back();
  expect_error(ErrorCode::kCorrupt, {"a.arrow", "column 7 is ", "missing in the dataset"},
               [&] { file(right()).open(); });
}

TEST_F(ShardFiles, AMissingOneIsTriedAgain) {
  const ShardFile shard = file(right());
  std::filesystem::rename(path_, dir_.path("away"));
  expect_error(ErrorCode::kNotFound, {"a.arrow"}, [&] { shard.open(); });
  std::filesystem::create_symlink(dir_.path("away"), path_);
  expect_error(ErrorCode::kCorrupt, {"a.arrow", "link"}, [&] { shard.open(); });
  std::filesystem::remove(path_);
  std::filesystem::rename(dir_.path("away"), path_);
  EXPECT_EQ(shard.open().layout.rows, 20U);
}

TEST_F(ShardFiles, VerifyFindsDamageInAnyBody) {
  const ShardLayout layout = file(right()).open().layout;
  for (const Io io : {Io::kAuto, Io::kPread}) {
    for (const BatchLayout& batch : layout.batches) {
      auto damaged = bytes_;
      damaged[batch.body.offset + batch.body.bytes / 2] ^= std::byte{1};
      dir_.write("a.arrow", damaged);
      EXPECT_EQ(file(right(), {.io = io}).open().layout.rows, 20U);
      expect_error(ErrorCode::kCorrupt, {"a.arrow"},
                   [&] { file(right(), {.io = io, .verify = true}).open(); });
    }
    dir_.write("a.arrow", bytes_);
    EXPECT_EQ(file(right(), {.io = io, .verify = true}).open().layout.rows, 20U);
  }
}

TEST_F(ShardFiles, TheSetSharesWhatTensorsLeave) {
  const OneFile set(columns_, path_, right());
  const uint64_t tensors = 20 * (8 + 6 + 24);
  EXPECT_EQ(set.variable_bytes(tensors + 500, 20), 100U);
  EXPECT_EQ(set.variable_bytes(0, 20), 0U);
  EXPECT_LE(set.variable_bytes(UINT64_MAX, UINT64_MAX), UINT64_MAX / 5);
}

}  // namespace
}  // namespace headrace
