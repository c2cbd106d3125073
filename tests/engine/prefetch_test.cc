#include "engine/prefetch.h"

#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "dataset/arrow_files.h"
#include "dataset/reader.h"
#include "dataset/views.h"
#include "dataset/windows.h"
#include "testing/datasets.h"
#include "testing/loading.h"
#include "testing/page_cache.h"
#include "testing/shards.h"
#include "testing/temp_dir.h"
#include "testing/unit_tables.h"

namespace headrace {
namespace {

constexpr uint64_t kRowBytes = 4096;
constexpr uint64_t kRows = 5000;  // 20 MB

enum class Stored : uint8_t { kTensor, kBytes };

// A file of rows of one page each, and a Prefetch of a pass over it whose batches nobody makes.
class Prefetching {
 public:
  explicit Prefetching(Shuffle::Kind kind, Stored stored = Stored::kTensor, uint64_t rows = kRows) {
    if (stored == Stored::kTensor) {
      const Values values =
          column("x", DType::kUint8, std::vector<uint8_t>(kRows * kRowBytes, 1), {kRowBytes});
      dataset_ = in_files(dir_, "f", {values}, {kRows});
      path_ = dir_.path("f-x-0.bin");
    } else {
      path_ = dir_.write("b.arrow", shard_bytes({blobs("b", kRows, kRowBytes)}, kRows));
      dataset_ = dataset_from_arrow_files({path_});
    }
    dataset_ = slice(dataset_, 0, rows, 1);
    options_ = options_of(100, kind);
    if (kind == Shuffle::Kind::kBlocks) {
      options_.shuffle.block_rows = 50;
      options_.shuffle.window = 4;
    } else if (kind == Shuffle::Kind::kShards) {
      options_.shuffle.units = table_of(std::vector<uint64_t>(rows / 50, 50));
      options_.shuffle.window = 2;
      options_.shuffle.lanes = 2;
    }
  }
  ~Prefetching() { stop(); }
  Prefetching(const Prefetching&) = delete;
  Prefetching& operator=(const Prefetching&) = delete;

  bool drop() const { return drop_pages(path_); }
  void remove_file() const { std::filesystem::remove(path_); }
  // Once it is mapped, so that nothing can be read any more of what is mapped.
  void cut_file() const {
    dataset_->groups()[0]->piece(0).source->open();
    std::filesystem::resize_file(path_, 0);
  }
  // A fiftieth of the rows, so that each is asked for.
  void choose_few() {
    std::vector<int64_t> rows;
    for (int64_t row = 0; row < static_cast<int64_t>(kRows); row += 50) {
      rows.push_back(row);
    }
    dataset_ = subset(dataset_, index_buffer(rows));
  }
  void map_file() const {
    std::vector<std::byte> row(kRowBytes);
    read_range(dataset_, 0, 1, 1, {{row.data()}});
  }
  uint64_t pages() const { return resident_pages(path_); }

  // As rank 0 of several that read the file together.
  void share(uint64_t ranks) {
    options_.split.world_size = ranks;
    setting_.sharers = ranks;
  }

  Prefetch& start() {
    maker_ = std::make_unique<BatchMaker>(dataset_, options_, 0, 0, SlotPools());
    ring_ = std::make_unique<BatchRing>(4, maker_->plan().batches());
    prefetch_ = std::make_unique<Prefetch>(dataset_, *maker_, *ring_, setting_);
    threads_.emplace_back([this] { prefetch_->run_hints(); });
    threads_.emplace_back([this] { prefetch_->run_read_ahead(); });
    return *prefetch_;
  }

  // As if workers had made them and the consumer taken them.
  void make_batches(uint64_t count) {
    for (uint64_t batch = 0; batch < count; ++batch) {
      ring_->claim();
      Batch made;
      made.number = batch;
      ring_->publish(std::move(made));
      Batch taken;
      ring_->take(taken, std::chrono::milliseconds(0));
    }
  }

  void stop() {
    if (prefetch_ != nullptr) {
      prefetch_->stop();
    }
    for (std::thread& thread : threads_) {
      thread.join();
    }
    threads_.clear();
  }

 private:
  TempDir dir_;
  DatasetPtr dataset_;
  LoaderOptions options_;
  Prefetch::Setting setting_;
  std::string path_;
  std::unique_ptr<BatchMaker> maker_;
  std::unique_ptr<BatchRing> ring_;
  std::unique_ptr<Prefetch> prefetch_;
  std::vector<std::thread> threads_;
};

// Whether `condition` becomes true within some seconds.
bool soon(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition() && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return condition();
}

TEST(Prefetch, AsksForNothingThatIsInMemory) {
  Prefetching fixture(Shuffle::Kind::kExact);
  Prefetch& prefetch = fixture.start();
  EXPECT_TRUE(soon([&] { return prefetch.regime() == Regime::kResident; }));
  EXPECT_TRUE(soon([&] { return !prefetch.cold(); }));
  const uint64_t before = prefetch.hinted_bytes();  // 0, unless something else drops pages
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  fixture.stop();
  EXPECT_EQ(prefetch.hinted_bytes(), before);
}

TEST(Prefetch, ReadsFilesThatFitFromEndToEndAndFindsThemInMemory) {
  Prefetching fixture(Shuffle::Kind::kExact);
  if (!fixture.drop()) {
    GTEST_SKIP() << "this file system keeps pages that are to be dropped";
  }
  Prefetch& prefetch = fixture.start();
  EXPECT_TRUE(soon([&] { return prefetch.regime() == Regime::kResident; }));
  EXPECT_EQ(fixture.pages(), kRows);
}

TEST(Prefetch, ReadsFilesFromEndToEndThatRanksOfThisMachineWantTogether) {
  Prefetching fixture(Shuffle::Kind::kExact);
  fixture.share(10);
  if (!fixture.drop()) {
    GTEST_SKIP() << "this file system keeps pages that are to be dropped";
  }
  Prefetch& prefetch = fixture.start();
  EXPECT_TRUE(soon([&] { return prefetch.read_ahead_bytes() == kRows * kRowBytes; }));
}

TEST(Prefetch, OfWindowsAsksForLittleMoreThanItMay) {
  const TempDir dir;
  // 200 MB of rows of 512 bytes, in windows of 0.5 MB; nobody makes a batch.
  const uint64_t rows = 400'000;
  const Values values = column("x", DType::kUint8, std::vector<uint8_t>(rows * 512, 1), {512});
  const DatasetPtr dataset = windows(in_files(dir, "f", {values}, {rows}),
                                     {.length = 1024, .stride = 1024, .within = std::nullopt});
  if (!drop_pages(dir.path("f-x-0.bin"))) {
    GTEST_SKIP() << "this file system keeps pages that are to be dropped";
  }
  LoaderOptions options = options_of(8, Shuffle::Kind::kExact);
  const BatchMaker maker(dataset, options, 0, 0, SlotPools());
  const BatchRing ring(4, maker.plan().batches());
  // Without the other thread, so that only hints are given.
  Prefetch prefetch(dataset, maker, ring, Prefetch::Setting());
  std::thread hints([&] { prefetch.run_hints(); });
  EXPECT_TRUE(soon([&] { return prefetch.hinted_bytes() > 0; }));
  EXPECT_EQ(prefetch.regime(), Regime::kReadAhead) << "all of it is wanted";
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  prefetch.stop();
  hints.join();
  EXPECT_LE(prefetch.hinted_bytes(), (uint64_t{64} << 20) + 8 * (uint64_t{512} << 10) + (1 << 20));
}

TEST(Prefetch, OfChosenRowsInNoOrderIsNotInRuns) {
  const TempDir dir;
  const Values values =
      column("x", DType::kUint8, std::vector<uint8_t>(kRows * kRowBytes, 1), {kRowBytes});
  std::vector<int64_t> chosen(kRows);
  std::iota(chosen.begin(), chosen.end(), 0);
  std::swap(chosen[0], chosen[100]);
  const DatasetPtr files = in_files(dir, "f", {values}, {kRows});
  const DatasetPtr dataset = subset(files, index_buffer(chosen));
  if (!drop_pages(dir.path("f-x-0.bin"))) {
    GTEST_SKIP() << "this file system keeps pages that are to be dropped";
  }
  const BatchMaker maker(dataset, options_of(100), 0, 0, SlotPools());
  const BatchRing ring(4, maker.plan().batches());
  Prefetch prefetch(dataset, maker, ring, Prefetch::Setting());
  std::thread hints([&] { prefetch.run_hints(); });
  EXPECT_TRUE(soon([&] { return prefetch.regime() == Regime::kReadAhead; }));
  prefetch.stop();
  hints.join();
}

TEST(Prefetch, CountsNoMoreOfASmallColumnThanItHas) {
  const TempDir dir;
  const Values values =
      column("x", DType::kUint8, std::vector<uint8_t>(kRows * kRowBytes, 1), {kRowBytes});
  std::vector<int64_t> chosen;
  for (int64_t row = 0; row < static_cast<int64_t>(kRows); row += 6) {
    chosen.push_back(row);  // a sixth, a page each
  }
  const DatasetPtr dataset =
      subset(in_files(dir, "f", {values, counting("id", kRows)}, {kRows}), index_buffer(chosen));
  if (!drop_pages(dir.path("f-x-0.bin"))) {
    GTEST_SKIP() << "this file system keeps pages that are to be dropped";
  }
  const BatchMaker maker(dataset, options_of(17, Shuffle::Kind::kExact), 0, 0, SlotPools());
  const BatchRing ring(4, maker.plan().batches());
  Prefetch prefetch(dataset, maker, ring, Prefetch::Setting());
  std::thread hints([&] { prefetch.run_hints(); });
  EXPECT_TRUE(soon([&] { return prefetch.regime() != Regime::kUnknown; }));
  prefetch.stop();
  hints.join();
  EXPECT_EQ(prefetch.regime(), Regime::kHints);
}

TEST(Prefetch, OfABlockShuffleAsksForWholeBlocksAheadOfTheBatches) {
  Prefetching fixture(Shuffle::Kind::kBlocks);
  if (!fixture.drop()) {
    GTEST_SKIP() << "this file system keeps pages that are to be dropped";
  }
  Prefetch& prefetch = fixture.start();
  EXPECT_TRUE(soon([&] { return prefetch.hinted_bytes() >= 50 * kRowBytes; }));
  EXPECT_EQ(prefetch.hinted_bytes() % (50 * kRowBytes), 0U);
  fixture.stop();
  EXPECT_EQ(prefetch.read_ahead_bytes(), 0U);
}

TEST(Prefetch, ReadsRowsOfAnySizeFromEndToEndAndFindsThemInMemory) {
  Prefetching fixture(Shuffle::Kind::kExact, Stored::kBytes);
  if (!fixture.drop()) {
    GTEST_SKIP() << "this file system keeps pages that are to be dropped";
  }
  Prefetch& prefetch = fixture.start();
  EXPECT_TRUE(soon([&] { return prefetch.regime() == Regime::kResident; }));
  EXPECT_GE(prefetch.read_ahead_bytes(), kRows * (kRowBytes + 8));
  EXPECT_TRUE(soon([&] { return !prefetch.cold(); }));
}

TEST(Prefetch, AsksForOffsetsAndThenForWhatTheyPointTo) {
  Prefetching fixture(Shuffle::Kind::kExact, Stored::kBytes);
  fixture.choose_few();
  if (!fixture.drop()) {
    GTEST_SKIP() << "this file system keeps pages that are to be dropped";
  }
  Prefetch& prefetch = fixture.start();
  // Of one batch of 100 rows: their offsets are so near each other that they are one request.
  const uint64_t offsets = (kRows - 50 + 2) * 8;
  EXPECT_TRUE(soon([&] { return prefetch.hinted_bytes() == offsets + 100 * kRowBytes; }));
  EXPECT_EQ(prefetch.regime(), Regime::kHints);
  EXPECT_EQ(prefetch.read_ahead_bytes(), 0U);
}

TEST(Prefetch, OfABlockShuffleBeyondMemoryLetsGoOfTheBlocksThatWereRead) {
  Prefetching fixture(Shuffle::Kind::kBlocks, Stored::kBytes, 1000);
  if (!fixture.drop()) {
    GTEST_SKIP() << "this file system keeps pages that are to be dropped";
  }
  Prefetch& prefetch = fixture.start();
  ASSERT_TRUE(soon([&] { return prefetch.regime() == Regime::kHints; }));
  EXPECT_EQ(prefetch.used_bytes(), 0U);
  fixture.make_batches(8);
  // Batch 8 of 100 rows and the one before, that a worker may still make, begin with block 14;
  // a window of four blocks is open.
  EXPECT_TRUE(soon([&] { return prefetch.used_bytes() >= 10 * 50 * kRowBytes; }));
  EXPECT_LE(prefetch.used_bytes(), 14 * 50 * kRowBytes);
}

TEST(Prefetch, OfABlockShuffleAsksForBlocksOfRowsOfAnySize) {
  Prefetching fixture(Shuffle::Kind::kBlocks, Stored::kBytes, 1000);
  if (!fixture.drop()) {
    GTEST_SKIP() << "this file system keeps pages that are to be dropped";
  }
  Prefetch& prefetch = fixture.start();
  // The ring has room for four batches of 100 rows; all 20 blocks are asked for that these need.
  EXPECT_TRUE(soon([&] { return prefetch.hinted_bytes() >= 4 * 100 * kRowBytes; }));
  const uint64_t block = 50 * kRowBytes;
  const uint64_t offsets = prefetch.hinted_bytes() % block;
  EXPECT_EQ(offsets % (51 * 8), 0U);
  EXPECT_EQ(prefetch.read_ahead_bytes(), 0U);
}

TEST(Prefetch, OfAShardShuffleAsksForShardsAndLetsGoOfThoseThatWereRead) {
  Prefetching fixture(Shuffle::Kind::kShards, Stored::kBytes, 1000);
  if (!fixture.drop()) {
    GTEST_SKIP() << "this file system keeps pages that are to be dropped";
  }
  Prefetch& prefetch = fixture.start();
  ASSERT_TRUE(soon([&] { return prefetch.hinted_bytes() >= 4 * 100 * kRowBytes; }));
  EXPECT_EQ(prefetch.hinted_bytes() % (50 * kRowBytes) % (51 * 8), 0U);
  EXPECT_EQ(prefetch.read_ahead_bytes(), 0U);
  EXPECT_EQ(prefetch.used_bytes(), 0U);
  fixture.make_batches(8);
  // Of the 20 shards 14 were begun before the last batch that may be in the making; two windows of
  // two are open.
  EXPECT_TRUE(soon([&] { return prefetch.used_bytes() >= 10 * 50 * kRowBytes; }));
  EXPECT_LE(prefetch.used_bytes(), 16 * 50 * kRowBytes);
}

TEST(Prefetch, OfAShardShuffleAsksForLargeShardsAsTheyAreUsedUp) {
  const TempDir dir;
  const uint64_t shard_rows = 10'000;  // of 1 KiB
  const uint64_t shards = 15;
  const Values values = column(
      "x", DType::kUint8, std::vector<uint8_t>(shards * shard_rows * 1024, 1), {uint64_t{1024}});
  const DatasetPtr dataset = in_files(dir, "f", {values}, {shards * shard_rows});
  if (!drop_pages(dir.path("f-x-0.bin"))) {
    GTEST_SKIP() << "this file system keeps pages that are to be dropped";
  }
  LoaderOptions options = options_of(1000, Shuffle::Kind::kShards);
  options.shuffle.units = table_of(std::vector<uint64_t>(shards, shard_rows));
  options.shuffle.window = 2;
  options.shuffle.lanes = 1;
  const BatchMaker maker(dataset, options, 0, 0, SlotPools());
  const BatchRing ring(4, maker.plan().batches());
  Prefetch prefetch(dataset, maker, ring, Prefetch::Setting());
  std::thread hints([&] { prefetch.run_hints(); });
  // The 64 MiB that are asked for, counted in pages, are 16 batches. So the third shard has
  // entered, at position 15,000, and of the fourth the first of two pieces is due.
  const uint64_t shard = shard_rows * 1024;
  EXPECT_TRUE(soon([&] { return prefetch.hinted_bytes() > 3 * shard; }));
  EXPECT_EQ(prefetch.regime(), Regime::kHints);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  prefetch.stop();
  hints.join();
  EXPECT_GT(prefetch.hinted_bytes(), 3 * shard + shard / 2);
  EXPECT_LT(prefetch.hinted_bytes(), 4 * shard);
}

TEST(Prefetch, OfAFileThatIsGoneStopsAllTheSame) {
  Prefetching fixture(Shuffle::Kind::kExact);
  fixture.remove_file();
  Prefetch& prefetch = fixture.start();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  fixture.stop();
  EXPECT_THROW(prefetch.check_running(), Error);
}

TEST(Prefetch, OfOffsetsThatWereCutOffLeavesTheErrorToTheWorkers) {
  std::signal(SIGBUS, SIG_DFL);  // as before the first worker reads
  Prefetching fixture(Shuffle::Kind::kExact, Stored::kBytes);
  fixture.choose_few();
  fixture.cut_file();
  Prefetch& prefetch = fixture.start();
  EXPECT_TRUE(soon([&] { return prefetch.hinted_bytes() > 0; }));  // the offsets, in vain
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  fixture.stop();
  EXPECT_EQ(prefetch.hinted_bytes() % 8, 0U);
}

TEST(Prefetch, AsksForRowsOfAFileThatIsGoneButStillMapped) {
  Prefetching fixture(Shuffle::Kind::kExact);
  fixture.choose_few();
  fixture.map_file();
  if (!fixture.drop()) {
    GTEST_SKIP() << "this file system keeps pages that are to be dropped";
  }
  fixture.remove_file();
  Prefetch& prefetch = fixture.start();
  EXPECT_TRUE(soon([&] { return prefetch.hinted_bytes() > 0; }));
  EXPECT_TRUE(prefetch.cold());
}

TEST(Prefetch, StopsBeforeItHasLooked) {
  Prefetching fixture(Shuffle::Kind::kExact);
  fixture.start();
  fixture.stop();
}

}  // namespace
}  // namespace headrace
