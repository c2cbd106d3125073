#include "dataset/shard_file.h"

#include <atomic>
#include <barrier>
#include <filesystem>
#include <latch>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "testing/errors.h"
#include "testing/read_calls.h"
#include "testing/sanitizers.h"
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

TEST_F(ShardFiles, AreHashedByOneThreadWhileOthersWait) {
  columns_ = {make_column({.name = "x", .dtype = DType::kInt64, .row_shape = {1024}}, 2000)};
  bytes_ = shard_bytes(columns_, 512);
  dir_.write("a.arrow", bytes_);
  ExpectedShard expected = right();
  expected.rows = 2000;
  expected.xxh3 = hash_bytes(bytes_);
  const ShardFile shard = file(expected, {.verify = true});
  std::vector<const OpenShard*> found(8);
  const uint64_t read = bytes_read_by([&] {
    std::barrier start(8);
    std::vector<std::jthread> threads;
    for (auto& place : found) {
      threads.emplace_back([&] {
        start.arrive_and_wait();
        place = &shard.open();
      });
    }
  });
  EXPECT_GE(read, bytes_.size());
  EXPECT_LT(read, bytes_.size() + bytes_.size() / 2);
  EXPECT_EQ(found, std::vector(8, found.front()));
}

// The first look at what is expected, which is within the opening, lasts until the latch falls.
class SlowFile : public OneFile {
 public:
  SlowFile(const std::vector<ShardColumn>& columns, std::string path, ExpectedShard expected)
      : OneFile(columns, std::move(path), expected, {.verify = true}) {}
  ExpectedShard expected(size_t shard) const override {
    if (!seen_.test_and_set()) {
      opening.count_down();
      finish.wait();
    }
    return OneFile::expected(shard);
  }

  mutable std::latch opening{1};
  mutable std::latch finish{1};

 private:
  mutable std::atomic_flag seen_ = ATOMIC_FLAG_INIT;
};

TEST_F(ShardFiles, AForkDoesNotWaitForAThreadThatItHasNot) {
  if (kThreadSanitizer) {
    GTEST_SKIP() << "ThreadSanitizer does not allow threads in a forked process";
  }
  const auto set = std::make_shared<const SlowFile>(columns_, path_, right());
  const ShardFile shard(set, 0);
  const std::jthread first([&] { shard.open(); });
  set->opening.wait();
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(10);  // ends a child that waits
    ::_exit(shard.open().layout.rows == 20 ? 0 : 1);
  }
  set->finish.count_down();
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST_F(ShardFiles, AThreadThatWaitedTriesItselfWhereTheFirstFailed) {
  ExpectedShard expected = right();
  expected.xxh3 = hash_bytes(bytes_) + 1;
  const ShardFile shard = file(expected, {.verify = true});
  std::atomic<int> failed = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back(
          [&] { failed += error_of([&] { shard.open(); }).code() == ErrorCode::kCorrupt; });
    }
  }
  EXPECT_EQ(failed, 8);
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
