#include "engine/prefetch.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "dataset/reader.h"
#include "dataset/views.h"
#include "testing/datasets.h"
#include "testing/loading.h"
#include "testing/page_cache.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

constexpr uint64_t kRowBytes = 4096;
constexpr uint64_t kRows = 5000;  // 20 MB

// A file of rows of one page each, and a Prefetch of a pass over it whose batches nobody makes.
class Prefetching {
 public:
  explicit Prefetching(Shuffle::Kind kind, uint64_t rows = kRows) {
    const Values values =
        column("x", DType::kUint8, std::vector<uint8_t>(kRows * kRowBytes, 1), {kRowBytes});
    dataset_ = slice(in_files(dir_, "f", {values}, {kRows}), 0, rows, 1);
    options_ = options_of(100, kind);
    if (kind == Shuffle::Kind::kBlocks) {
      options_.shuffle.block_rows = 50;
      options_.shuffle.window = 4;
    }
    path_ = dir_.path("f-x-0.bin");
  }
  ~Prefetching() { stop(); }
  Prefetching(const Prefetching&) = delete;
  Prefetching& operator=(const Prefetching&) = delete;

  bool drop() const { return drop_pages(path_); }
  void remove_file() const { std::filesystem::remove(path_); }
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

TEST(Prefetch, OfAFileThatIsGoneStopsAllTheSame) {
  Prefetching fixture(Shuffle::Kind::kExact);
  fixture.remove_file();
  Prefetch& prefetch = fixture.start();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  fixture.stop();
  EXPECT_THROW(prefetch.check_running(), Error);
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
