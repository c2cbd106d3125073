#include "engine/pass.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <latch>
#include <memory>
#include <optional>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "testing/datasets.h"
#include "testing/errors.h"
#include "testing/loading.h"
#include "testing/sanitizers.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSoon{5};

SlotPools pools_for(const Dataset& dataset, uint64_t rows) {
  SlotPools pools;
  for (const DatasetColumn& column : dataset.columns()) {
    pools.push_back({.rows = std::make_shared<SlotPool>(rows * column.field.row_bytes(), 8)});
  }
  return pools;
}

std::unique_ptr<Pass> pass_of(const DatasetPtr& dataset, LoaderOptions options, uint64_t epoch = 0,
                              uint64_t position = 0) {
  options.num_threads = options.num_threads == 0 ? 2 : options.num_threads;
  options.prefetch = options.prefetch == 0 ? 4 : options.prefetch;
  return std::make_unique<Pass>(dataset, options, epoch, position,
                                pools_for(*dataset, options.split.batch_size));
}

// A column of ids that goes through read(), which fails for one row and waits while the gate is
// shut.
class TrickySource : public Source {
 public:
  TrickySource(uint64_t rows, std::optional<uint64_t> bad_row, bool shut)
      : Source(rows), bad_row_(bad_row), shut_(shut) {}

  DType dtype(size_t /*column*/) const noexcept override { return DType::kInt64; }
  bool in_files() const noexcept override { return !file_.empty(); }
  std::string file(size_t /*column*/) const override { return file_; }
  void open_gate() { shut_ = false; }

  void read(size_t /*column*/, uint64_t first, uint64_t rows, std::byte* out,
            OpenFiles& /*files*/) const override {
    while (shut_.load()) {
      std::this_thread::sleep_for(milliseconds(1));
    }
    for (uint64_t row = first; row < first + rows; ++row) {
      if (row == bad_row_) {
        throw Error(ErrorCode::kIo, "row " + std::to_string(row) + " is bad",
                    {.file = "tricky", .column = "", .row = row});
      }
      std::memcpy(out + (row - first) * sizeof(row), &row, sizeof(row));
    }
  }

 protected:
  std::unique_ptr<const OpenSource> do_open() const override {
    auto open = std::make_unique<OpenSource>();
    open->columns.emplace_back();
    return open;
  }

 private:
  std::optional<uint64_t> bad_row_;
  std::atomic<bool> shut_;
  std::string file_;
};

DatasetPtr dataset_over(const std::shared_ptr<const Source>& source) {
  return std::make_shared<Dataset>(
      std::vector<DatasetColumn>{
          {.field = make_field("id", DType::kInt64, {}), .group = 0, .column = 0, .casts = {}}},
      std::vector{RowSpace::table(
          {{.source = source, .first = 0, .rows = source->rows(), .columns = nullptr}})});
}

TEST(Pass, GivesTheBatchesOfItsPlanForAnyThreadsAndPrefetch) {
  const DatasetPtr dataset = in_memory({counting("id", 500)});
  for (const auto kind :
       {Shuffle::Kind::kSequential, Shuffle::Kind::kExact, Shuffle::Kind::kBlocks}) {
    for (const uint64_t threads : {1, 2, 8}) {
      for (const uint64_t prefetch : {1, 2, 5}) {
        LoaderOptions options = options_of(7, kind, threads);
        options.prefetch = prefetch;
        const auto pass = pass_of(dataset, options, 3);
        ASSERT_EQ(drain(*pass), expected_batches(500, options, 3, 0)) << threads << " " << prefetch;
      }
    }
  }
}

TEST(Pass, StartsNoThreadBeforeTheFirstBatchAndLeavesNoneAtTheEnd) {
  ASSERT_TRUE(engine_threads_end());
  const auto pass =
      pass_of(in_memory({counting("id", 100)}), options_of(1, Shuffle::Kind::kExact, 3));
  EXPECT_TRUE(engine_threads().empty());
  Batch batch;
  ASSERT_TRUE(next_batch(*pass, batch));
  EXPECT_EQ(engine_threads().size(), 3U);
  drain(*pass);
  EXPECT_TRUE(engine_threads_end());
}

TEST(Pass, StartsNoMoreThreadsThanBatches) {
  const auto pass =
      pass_of(in_memory({counting("id", 100)}), options_of(50, Shuffle::Kind::kExact, 8));
  Batch batch;
  ASSERT_TRUE(next_batch(*pass, batch));
  EXPECT_LE(engine_threads().size(), 2U);
}

// The blocked signals of a thread, as the kernel has them.
class BlockedSignals {
 public:
  explicit BlockedSignals(const std::filesystem::path& thread) {
    std::ifstream status(thread / "status");
    std::string word;
    while (status >> word && word != "SigBlk:") {
    }
    status >> std::hex >> mask_;
  }

  bool contains(int number) const { return (mask_ >> (number - 1) & 1U) != 0; }

 private:
  uint64_t mask_ = 0;
};

TEST(Pass, ItsThreadsLeaveSignalsToOthersButNotFaults) {
  const auto pass = pass_of(in_memory({counting("id", 100)}), options_of(1));
  Batch batch;
  ASSERT_TRUE(next_batch(*pass, batch));
  const auto threads = engine_threads();
  ASSERT_FALSE(threads.empty());
  for (const auto& thread : threads) {
    // libc starts a thread with all signals blocked and gives it its own mask a moment later.
    for (int i = 0; i < 500 && BlockedSignals(thread).contains(SIGBUS); ++i) {
      std::this_thread::sleep_for(milliseconds(10));
    }
    const BlockedSignals blocked(thread);
    EXPECT_TRUE(blocked.contains(SIGINT));
    EXPECT_TRUE(blocked.contains(SIGTERM));
    EXPECT_FALSE(blocked.contains(SIGBUS));
    EXPECT_FALSE(blocked.contains(SIGSEGV));
  }
  sigset_t ours;
  pthread_sigmask(SIG_SETMASK, nullptr, &ours);
  EXPECT_EQ(sigismember(&ours, SIGINT), 0);
}

TEST(Pass, KnowsHowFarItIs) {
  const auto pass = pass_of(in_memory({counting("id", 10)}), options_of(4), 5);
  EXPECT_EQ(pass->epoch(), 5U);
  EXPECT_EQ(pass->position(), 0U);
  EXPECT_TRUE(pass->live());
  EXPECT_FALSE(pass->done());
  EXPECT_FALSE(pass->asked());
  Batch batch;
  uint64_t batches = 0;
  for (const uint64_t position : {4, 8, 10}) {
    ASSERT_TRUE(next_batch(*pass, batch));
    EXPECT_TRUE(pass->asked());
    EXPECT_EQ(pass->handed_out(), ++batches);
    EXPECT_EQ(pass->position(), position);
  }
  EXPECT_TRUE(pass->done());  // the last batch says so, not only the call after it
  EXPECT_FALSE(pass->live());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(pass->next(batch, kSoon), Pass::Next::kEnd);
  }
  EXPECT_EQ(pass->position(), 10U);
}

TEST(Pass, FromTheEndHasNoBatches) {
  const auto pass = pass_of(in_memory({counting("id", 10)}), options_of(4), 0, 10);
  Batch batch;
  EXPECT_EQ(pass->next(batch, kSoon), Pass::Next::kEnd);
  EXPECT_TRUE(pass->done());
  EXPECT_EQ(pass->position(), 10U);
}

TEST(Pass, OfARankThatHasOneBatchLessIsDoneWhenItIsTold) {
  LoaderOptions options = options_of(2);
  options.split = {.batch_size = 2, .world_size = 2, .rank = 1, .tail = Tail::kExact};
  const auto pass = pass_of(in_memory({counting("id", 9)}), options);
  Batch batch;
  ASSERT_TRUE(next_batch(*pass, batch));
  ASSERT_TRUE(next_batch(*pass, batch));
  EXPECT_FALSE(pass->done());  // rank 0 still has row 8
  EXPECT_EQ(pass->position(), 8U);
  EXPECT_FALSE(next_batch(*pass, batch));
  EXPECT_TRUE(pass->done());
}

TEST(Pass, GoesOnFromAnyPosition) {
  const DatasetPtr dataset = in_memory({counting("id", 100)});
  const LoaderOptions options = options_of(7, Shuffle::Kind::kBlocks);
  const Batches all = expected_batches(100, options, 1, 0);
  for (uint64_t done = 0; done <= all.size(); ++done) {
    const auto pass = pass_of(dataset, options, 1, std::min<uint64_t>(100, done * 7));
    EXPECT_EQ(drain(*pass), Batches(all.begin() + static_cast<int64_t>(done), all.end()));
  }
}

TEST(Pass, ReturnsWhenABatchTakesTooLong) {
  const auto source = std::make_shared<TrickySource>(10, std::nullopt, true);
  const auto pass = pass_of(dataset_over(source), options_of(4));
  Batch batch;
  EXPECT_EQ(pass->next(batch, kSoon), Pass::Next::kWait);
  EXPECT_EQ(pass->position(), 0U);
  source->open_gate();
  EXPECT_EQ(drain(*pass), expected_batches(10, options_of(4), 0, 0));
}

TEST(Pass, ThrowsTheErrorOfABatchInItsPlaceAndEnds) {
  for (const uint64_t threads : {1, 2, 8}) {
    const auto source = std::make_shared<TrickySource>(100, 42, false);
    const auto pass =
        pass_of(dataset_over(source), options_of(10, Shuffle::Kind::kSequential, threads));
    Batch batch;
    for (uint64_t number = 0; number < 4; ++number) {
      ASSERT_TRUE(next_batch(*pass, batch));
      ASSERT_EQ(ids(batch), range(number * 10, 10));
    }
    const Error error =
        expect_error(ErrorCode::kIo, {"row 42 is bad"}, [&] { next_batch(*pass, batch); });
    EXPECT_EQ(error.context().row, 42U);
    EXPECT_EQ(error.context().file, "tricky");
    EXPECT_EQ(pass->position(), 40U);  // of the batch that failed
    EXPECT_FALSE(pass->live());
    EXPECT_FALSE(pass->done());
    EXPECT_TRUE(engine_threads_end());
    for (int i = 0; i < 2; ++i) {
      expect_error(ErrorCode::kCancelled, {"error", "again"}, [&] { next_batch(*pass, batch); });
    }
    EXPECT_EQ(pass->stats().batches, 4U);
  }
}

TEST(Pass, SaysWhyItWasClosed) {
  const auto pass = pass_of(in_memory({counting("id", 100)}), options_of(4));
  Batch batch;
  ASSERT_TRUE(next_batch(*pass, batch));
  pass->close("superseded by another");
  pass->close("something else");
  EXPECT_FALSE(pass->live());
  EXPECT_FALSE(pass->done());
  EXPECT_EQ(pass->position(), 4U);
  expect_error(ErrorCode::kCancelled, {"superseded by another"}, [&] { next_batch(*pass, batch); });
  EXPECT_TRUE(engine_threads_end());
}

TEST(Pass, ThatIsClosedBeforeItStartedStartsNothing) {
  const auto pass = pass_of(in_memory({counting("id", 100)}), options_of(4));
  pass->close("closed early");
  Batch batch;
  expect_error(ErrorCode::kCancelled, {"closed early"}, [&] { next_batch(*pass, batch); });
  EXPECT_TRUE(engine_threads().empty());
}

TEST(Pass, ThatIsDoneStaysDoneWhenClosed) {
  const auto pass = pass_of(in_memory({counting("id", 8)}), options_of(4));
  drain(*pass);
  pass->close("too late");
  Batch batch;
  EXPECT_EQ(pass->next(batch, kSoon), Pass::Next::kEnd);
  EXPECT_TRUE(pass->done());
}

TEST(Pass, IsClosedByAnotherThreadWhileNextWaits) {
  const auto source = std::make_shared<TrickySource>(10, std::nullopt, true);
  const auto pass = pass_of(dataset_over(source), options_of(4));
  std::latch waiting(1);
  std::thread consumer([&] {
    Batch batch;
    waiting.count_down();
    expect_error(ErrorCode::kCancelled, {"closed by another"}, [&] { next_batch(*pass, batch); });
  });
  waiting.wait();
  std::this_thread::sleep_for(milliseconds(20));
  std::thread gate([&] {
    std::this_thread::sleep_for(milliseconds(20));
    source->open_gate();  // close() joins the workers, who are in read()
  });
  pass->close("closed by another");
  consumer.join();
  gate.join();
  EXPECT_TRUE(engine_threads_end());
}

TEST(Pass, MayBeClosedByManyThreadsWhileManyTake) {
  const DatasetPtr dataset = in_memory({counting("id", 5000)});
  for (int round = 0; round < 30; ++round) {
    const auto pass = pass_of(dataset, options_of(1));
    std::vector<std::thread> threads;
    for (int t = 0; t < 2; ++t) {
      threads.emplace_back([&] {
        Batch batch;
        try {
          while (next_batch(*pass, batch)) {
          }
        } catch (const Error& error) {
          EXPECT_EQ(error.code(), ErrorCode::kCancelled);
        }
      });
      threads.emplace_back([&, round] {
        std::this_thread::sleep_for(std::chrono::microseconds(round * 50));
        pass->close("closed");
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    EXPECT_FALSE(pass->live());
  }
}

TEST(Pass, BatchesOutliveIt) {
  auto pass = pass_of(in_memory({counting("id", 100)}), options_of(10));
  std::vector<Batch> kept;  // more than prefetch: keeping batches never blocks
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(next_batch(*pass, kept.emplace_back()));
  }
  pass.reset();
  for (uint64_t i = 0; i < 10; ++i) {
    EXPECT_EQ(ids(kept[i]), range(i * 10, 10));
  }
}

TEST(Pass, CountsWhatItGave) {
  LoaderOptions options = options_of(4);
  options.split = {.batch_size = 4, .world_size = 3, .rank = 2, .tail = Tail::kRepeat};
  const auto pass =
      pass_of(in_memory({counting("id", 13), random_floats("x", 13, {2}, 1)}), options);
  EXPECT_EQ(pass->stats().passes, 1U);
  EXPECT_EQ(pass->stats().batches, 0U);
  drain(*pass);
  const LoaderStats stats = pass->stats();
  EXPECT_EQ(stats.batches, 2U);
  EXPECT_EQ(stats.rows, 5U);
  EXPECT_EQ(stats.padding, 1U);
  EXPECT_EQ(stats.bytes, 5U * 16);
  EXPECT_EQ(stats.queue_depth, 0U);
  EXPECT_GE(stats.consumer_wait_s, 0.0);
}

TEST(Pass, OverAFileThatIsCutFailsAtThatBatchAndTheProcessLives) {
  const TempDir dir;
  const auto page_rows = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)) / 8;
  const uint64_t rows = 16 * page_rows;
  for (int round = 0; round < 3; ++round) {
    const DatasetPtr dataset = in_files(dir, "f", {counting("id", 2 * rows)}, {rows, rows});
    const auto pass = pass_of(dataset, options_of(page_rows));
    Batch batch;
    ASSERT_TRUE(next_batch(*pass, batch));
    std::filesystem::resize_file(dir.path("f-id-1.bin"), 64);
    uint64_t given = 1;
    const Error error = expect_error(ErrorCode::kTruncated, {"f-id-1.bin"}, [&] {
      while (next_batch(*pass, batch)) {
        ASSERT_EQ(ids(batch), range(given * page_rows, page_rows));
        ++given;
      }
    });
    EXPECT_EQ(error.context().file, dir.path("f-id-1.bin"));
    EXPECT_LE(given, 17U);
    EXPECT_EQ(pass->position(), given * page_rows);
    expect_error(ErrorCode::kCancelled, {}, [&] { next_batch(*pass, batch); });
  }
}

TEST(Pass, OverAFileThatIsCutInsideAPageFailsAtTheLastBatchAtTheLatest) {
  const TempDir dir;
  const DatasetPtr dataset = in_files(dir, "f", {counting("id", 100)}, {40, 60});
  const auto pass = pass_of(dataset, options_of(10));
  Batch batch;
  for (int i = 0; i < 9; ++i) {
    ASSERT_TRUE(next_batch(*pass, batch));
  }
  std::filesystem::resize_file(dir.path("f-id-1.bin"), 479);
  expect_error(ErrorCode::kTruncated, {"f-id-1.bin"}, [&] { next_batch(*pass, batch); });
  EXPECT_FALSE(pass->done());
  EXPECT_EQ(pass->position(), 90U);
}

// Runs `check` in a forked child; returns whether it ended well within a minute.
template <typename Check>
bool child_succeeds(const Check& check) {
  // The allocator of AddressSanitizer takes no notice of forks: a child waits for ever for a lock
  // that a thread of its parent held. One that sleeps holds none.
  while (kAddressSanitizer && !engine_threads_sleep()) {
    std::this_thread::sleep_for(milliseconds(1));
  }
  const pid_t child = fork();
  if (child == 0) {
    bool right = false;
    try {
      right = check();
    } catch (...) {
    }
    _exit(right ? 0 : 1);
  }
  for (int i = 0; i < 6000; ++i) {
    int status = 0;
    if (waitpid(child, &status, WNOHANG) == child) {
      return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    std::this_thread::sleep_for(milliseconds(10));
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return false;
}

TEST(Pass, InAForkedChildSaysSoAndMayOnlyBeDropped) {
  auto pass = pass_of(in_memory({counting("id", 1000)}), options_of(1));
  Batch batch;
  ASSERT_TRUE(next_batch(*pass, batch));
  EXPECT_TRUE(child_succeeds([&] {
    const bool told = error_of([&] { next_batch(*pass, batch); }).code() == ErrorCode::kCancelled;
    static_cast<void>(pass->stats());
    pass->close("in the child");
    const bool dead = !pass->live();
    pass.reset();
    return told && dead && ids(batch) == std::vector<uint64_t>{0};
  }));
  EXPECT_TRUE(pass->live());
  EXPECT_EQ(drain(*pass).size(), 999U);
}

TEST(Pass, OfAForkedChildsOwnWorksWhileTheParentsGoesOn) {
  if (kThreadSanitizer) {
    GTEST_SKIP() << "ThreadSanitizer refuses to start threads in a child of a threaded process";
  }
  const DatasetPtr dataset = in_memory({counting("id", 1000)});
  auto pass = pass_of(dataset, options_of(1));
  Batch batch;
  ASSERT_TRUE(next_batch(*pass, batch));
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(child_succeeds([&] {
      pass.reset();
      const auto own = pass_of(dataset, options_of(7));
      return drain(*own) == expected_batches(1000, options_of(7), 0, 0);
    }));
  }
  EXPECT_EQ(drain(*pass).size(), 999U);
}

TEST(Pass, DroppedHalfWayLeavesNoThreadTwoHundredTimes) {
  const DatasetPtr dataset = in_memory({counting("id", 100)});
  for (int i = 0; i < 200; ++i) {
    const auto pass = pass_of(dataset, options_of(3));
    Batch batch;
    ASSERT_TRUE(next_batch(*pass, batch));
  }
  EXPECT_TRUE(engine_threads_end());
}

}  // namespace
}  // namespace headrace
