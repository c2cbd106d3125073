#include "engine/shard_look_ahead.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "dataset/source_runs.h"
#include "dataset/views.h"
#include "testing/errors.h"
#include "testing/loading.h"
#include "testing/numbered_rows.h"
#include "testing/stored_dataset.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kSoon{20};

// Leaves the process room for the stack of one new thread.
class RoomForOneThread {
 public:
  RoomForOneThread() {
    uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    pthread_attr_t attributes;
    pthread_getattr_default_np(&attributes);
    pthread_attr_getstacksize(&attributes, &stack_);
    set_stack(kStack);
    getrlimit(RLIMIT_AS, &limit_);
    const rlim_t now = pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    set_limit({.rlim_cur = now + kStack + kStack / 2, .rlim_max = limit_.rlim_max});
  }
  ~RoomForOneThread() {
    setrlimit(RLIMIT_AS, &limit_);
    set_stack(stack_);
  }
  RoomForOneThread(const RoomForOneThread&) = delete;
  RoomForOneThread& operator=(const RoomForOneThread&) = delete;

 private:
  static constexpr size_t kStack = size_t{1} << 30;

  static void set_stack(size_t bytes) {
    pthread_attr_t attributes;
    pthread_getattr_default_np(&attributes);
    pthread_attr_setstacksize(&attributes, bytes);
    pthread_setattr_default_np(&attributes);
  }
  static void set_limit(const rlimit& limit) {
    if (setrlimit(RLIMIT_AS, &limit) != 0) {
      throw std::runtime_error("cannot limit the address space");
    }
  }

  size_t stack_ = 0;
  rlimit limit_ = {};
};

// Lets locks of a cache fail. Shards that are pinned stay so.
class LocksThatFail {
 public:
  explicit LocksThatFail(const std::string& cache) {
    const std::string folder = fs::canonical(cache);
    for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      const fs::path file = fs::read_symlink(entry.path(), gone);
      if (file.filename() == "pins" && file.string().starts_with(folder)) {
        numbers_.push_back(std::stoi(entry.path().filename()));
      }
    }
    if (numbers_.empty()) {
      throw std::runtime_error("no locks of " + cache + " are open");
    }
    const int without_locks = open("/", O_PATH | O_CLOEXEC);
    for (const int number : numbers_) {
      saved_.push_back(dup(number));
      dup2(without_locks, number);
    }
    close(without_locks);
  }
  ~LocksThatFail() {
    for (size_t i = 0; i < numbers_.size(); ++i) {
      dup2(saved_[i], numbers_[i]);
      close(saved_[i]);
    }
  }
  LocksThatFail(const LocksThatFail&) = delete;
  LocksThatFail& operator=(const LocksThatFail&) = delete;

 private:
  std::vector<int> numbers_;
  std::vector<int> saved_;
};

// Passes of loaders over a dataset in a store of 12 shards.
class ShardLookAheadTest : public testing::Test {
 protected:
  static constexpr uint64_t kRows = 240;
  static constexpr uint64_t kShards = 12;

  Shuffle shards(uint64_t window, uint64_t lanes = 1) const {
    return {.kind = Shuffle::Kind::kShards,
            .window = window,
            .lanes = lanes,
            .units = shuffle_units(*local_)};
  }

  static LoaderOptions options(const Shuffle& shuffle, uint64_t num_threads = 2) {
    LoaderOptions options = options_of(7, Shuffle::Kind::kSequential, num_threads);
    options.shuffle = shuffle;
    return options;
  }

  // The batches of a pass.
  static Batches read(const DatasetPtr& dataset, const LoaderOptions& options, uint64_t epoch = 0,
                      uint64_t position = 0) {
    Loader loader(dataset, options);
    const auto pass = loader.start(epoch, position);
    return drain(*pass);
  }

  uint64_t bytes_in_cache() const {
    uint64_t bytes = 0;
    std::error_code ignored;  // files come and go
    for (const auto& entry : fs::recursive_directory_iterator(stored_.default_cache(), ignored)) {
      const auto extension = entry.path().extension();
      if (extension == ".shard" || extension == ".part") {
        const uint64_t size = entry.file_size(ignored);
        bytes += ignored ? 0 : charged_bytes(size);
      }
    }
    return bytes;
  }

  // Waits for `what` for five seconds.
  static bool comes(const std::function<bool()>& what) {
    const auto end = Clock::now() + std::chrono::seconds(5);
    while (!what() && Clock::now() < end) {
      std::this_thread::sleep_for(milliseconds(1));
    }
    return what();
  }

  StoredDataset stored_{numbered_rows(kRows), std::vector<uint64_t>(kShards, kRows / kShards)};
  DatasetPtr local_ = stored_.local();
  TempDir caches_;
};

TEST_F(ShardLookAheadTest, GivesTheBatchesOfTheDirectory) {
  const Shuffle exact{.kind = Shuffle::Kind::kExact};
  const Shuffle blocks{.kind = Shuffle::Kind::kBlocks, .block_rows = 15, .window = 3};
  for (const Shuffle& shuffle : {Shuffle{}, exact, blocks, shards(3), shards(2, 2)}) {
    SCOPED_TRACE(static_cast<int>(shuffle.kind));
    const ServedDataset served(stored_, kShards);
    for (const uint64_t threads : {1, 2}) {
      for (const uint64_t position : {0, 77}) {
        EXPECT_EQ(read(served.dataset(), options(shuffle, threads), 1, position),
                  read(local_, options(shuffle, threads), 1, position));
      }
    }
    // Nothing is wanted after the pass; a few may be kept open.
    EXPECT_LE(served.store().stats().held_bytes, served.store().share_bytes() / 4);
    fs::remove_all(stored_.default_cache());
  }
}

TEST_F(ShardLookAheadTest, EachShardIsDownloadedOnceWithRoomForTheWindowAndOneMore) {
  const uint64_t room = 5;  // a window of 3, one that enters within a batch, and one more
  const ServedDataset served(stored_, room);
  std::atomic<bool> over{false};
  uint64_t most = 0;
  std::thread watch([&] {
    while (!over) {
      most = std::max(most, bytes_in_cache());
      std::this_thread::sleep_for(milliseconds(1));
    }
  });
  for (uint64_t epoch = 0; epoch < 2; ++epoch) {
    EXPECT_EQ(read(served.dataset(), options(shards(3)), epoch),
              read(local_, options(shards(3)), epoch));
    EXPECT_LE(served.store().stats().fetches, kShards * (epoch + 1));
  }
  over = true;
  watch.join();
  EXPECT_GT(most, 0U);
  EXPECT_LE(most, room * stored_.charge());
}

TEST_F(ShardLookAheadTest, WhatTheNextEpochUsesFirstStaysInTheCache) {
  const ServedDataset served(stored_, 8);
  LoaderOptions few_ahead = options({}, 1);
  few_ahead.split.batch_size = 5;
  few_ahead.prefetch = 1;
  read(served.dataset(), few_ahead, 0);
  EXPECT_EQ(served.store().stats().fetches, kShards);
  for (uint64_t epoch = 1; epoch < 4; ++epoch) {
    read(served.dataset(), few_ahead, epoch);
  }
  // As in ShardStoreTest: of the 8 at most 4 are on their way, two for batches in the making and a
  // quarter ahead, so that 4 / 11 of 12 are found. Eviction by age would have had them all again.
  EXPECT_LE(served.store().stats().fetches, 4 * kShards - 3 * 4);
}

TEST_F(ShardLookAheadTest, ACacheThatHoldsAllIsFilledOnce) {
  const ServedDataset served(stored_, kShards);
  for (uint64_t epoch = 0; epoch < 3; ++epoch) {
    read(served.dataset(), options({.kind = Shuffle::Kind::kExact}), epoch);
  }
  EXPECT_EQ(served.store().stats().fetches, kShards);
}

TEST_F(ShardLookAheadTest, AResumedPassFetchesWhatItStillNeeds) {
  const ServedDataset served(stored_, kShards);
  read(served.dataset(), options({}), 0, kRows - 45);
  EXPECT_EQ(served.store().stats().fetches, 3U);
}

TEST_F(ShardLookAheadTest, RanksWithLanesOfTheirOwnShareOutTheShards) {
  uint64_t fetches = 0;
  for (const uint64_t rank : {0, 1}) {
    const ServedDataset served(stored_, kShards, caches_.path(std::to_string(rank)));
    LoaderOptions of_rank = options(shards(2, 2));
    of_rank.split.world_size = 2;
    of_rank.split.rank = rank;
    EXPECT_EQ(read(served.dataset(), of_rank), read(local_, of_rank));
    fetches += served.store().stats().fetches;
  }
  EXPECT_LE(fetches, kShards + 1) << "one shard may be cut";
}

// The others are not there yet while the first one fetches ahead. All have room for their window, a
// shard that enters and one more.
TEST_F(ShardLookAheadTest, RanksThatBeginOneAfterAnotherFetchEachShardOnce) {
  constexpr uint64_t kRanks = 4;
  constexpr uint64_t kMore = 32;  // so that none is cut between lanes
  constexpr uint64_t kEach = 4;
  const StoredDataset stored(numbered_rows(20 * kMore), std::vector<uint64_t>(kMore, 20));
  Shuffle lanes = shards(2, kRanks);
  lanes.units = shuffle_units(*stored.local());
  LoaderOptions of_rank = options(lanes, 1);
  of_rank.split.world_size = kRanks;
  of_rank.local_ranks = 0;
  of_rank.prefetch = 2;
  std::vector<std::unique_ptr<ServedDataset>> served;
  std::vector<std::unique_ptr<Loader>> loaders;
  std::vector<std::shared_ptr<Pass>> passes;
  Batch batch;
  for (of_rank.split.rank = 0; of_rank.split.rank < kRanks; ++of_rank.split.rank) {
    served.push_back(std::make_unique<ServedDataset>(stored, kRanks * kEach));
    loaders.push_back(std::make_unique<Loader>(served.back()->dataset(), of_rank));
    passes.push_back(loaders.back()->start(0, 0));
    ASSERT_TRUE(next_batch(*passes.back(), batch));
    const auto held = [&] { return served.back()->store().stats().held_bytes; };
    EXPECT_TRUE(comes([&] { return held() >= kEach * stored.charge(); }));
  }
  for (const auto& one : served) {
    EXPECT_EQ(one->store().stats().held_bytes, kEach * stored.charge()) << "its share";
  }
  bool more = true;
  while (more) {
    more = false;
    for (const auto& pass : passes) {
      more = next_batch(*pass, batch) || more;
    }
  }
  uint64_t fetches = 0;
  for (const auto& one : served) {
    fetches += one->store().stats().fetches;
  }
  EXPECT_EQ(fetches, kMore);
}

TEST_F(ShardLookAheadTest, ListedBatchesComeThroughASmallCache) {
  const ServedDataset served(stored_, 4);
  LoaderOptions listed = options({});
  listed.listed = 40;
  listed.split.batch_size = 1;
  Loader loader(served.dataset(), listed);
  const auto pass = loader.start(0, 0);
  Batches expected;
  Batches found;
  Batch batch;
  while (found.size() < listed.listed) {
    while (const auto wanted = pass->wanted()) {
      const uint64_t first = wanted->item * 97 % (kRows - 25);
      RowList list{.rows = {first, first + 22, first + 1}, .pools = loader.pools_of(3)};
      expected.push_back(list.rows);
      pass->name(std::move(list));
    }
    ASSERT_TRUE(next_batch(*pass, batch));
    found.push_back(ids(batch));
  }
  EXPECT_EQ(found, expected);
}

TEST_F(ShardLookAheadTest, WhatCannotBeMadeIsRefusedBeforeAnythingIsFetched) {
  const ServedDataset served(stored_, 3);
  for (const Shuffle& shuffle : {Shuffle{.kind = Shuffle::Kind::kExact}, shards(4)}) {
    expect_error(ErrorCode::kInvalid, {"cache_bytes"},
                 [&] { read(served.dataset(), options(shuffle)); });
  }
  EXPECT_EQ(served.store().stats().fetches, 0U);
}

TEST_F(ShardLookAheadTest, CloseEndsAPassThatWaitsForAShard) {
  const auto remote = stored_.open(4);  // nobody downloads
  Loader loader(dataset_of_remote_shards(remote), options({}));
  const auto pass = loader.start(0, 0);
  Batch batch;
  EXPECT_EQ(pass->next(batch, kSoon), Pass::Next::kWait);
  const auto begin = Clock::now();
  pass->close("closed by a test");
  EXPECT_LT(Clock::now() - begin, milliseconds(2000));
  expect_error(ErrorCode::kCancelled, {"closed by a test"}, [&] { pass->next(batch, kSoon); });
  EXPECT_EQ(remote->store().describe(0), "") << "nothing is wanted any more";
}

TEST_F(ShardLookAheadTest, AShardThatCannotBeHadEndsThePassInItsPlace) {
  const ServedDataset served(stored_, 4, stored_.default_cache(), [](const FetchJob& job) {
    return job.request().id == 6 ? Fetchers::Fault::kGone : Fetchers::Fault::kNone;
  });
  Loader loader(served.dataset(), options({}));
  const auto pass = loader.start(0, 0);
  Batch batch;
  for (uint64_t row = 0; row + 7 <= kRows / 2; row += 7) {
    ASSERT_TRUE(next_batch(*pass, batch));
    EXPECT_EQ(ids(batch).front(), row);
  }
  expect_error(ErrorCode::kNotFound, {"cannot be fetched"}, [&] { next_batch(*pass, batch); });
}

TEST_F(ShardLookAheadTest, APassGoesOnWithoutItWhereNoThreadCanBeStarted) {
  const ServedDataset served(stored_, 4);
  Loader loader(served.dataset(), options(shards(3), 1));
  const auto pass = loader.start(0, 0);
  Batch batch;
  {
    const RoomForOneThread worker;
    ASSERT_TRUE(next_batch(*pass, batch));
  }
  Batches found{ids(batch)};
  std::ranges::move(drain(*pass), std::back_inserter(found));
  EXPECT_EQ(found, read(local_, options(shards(3))));
  EXPECT_EQ(loader.stats().shard_ahead_failures, 1U);
  EXPECT_LE(served.store().stats().held_bytes, served.store().share_bytes() / 4);
}

TEST_F(ShardLookAheadTest, GoesOnAfterLocksOfTheCacheHaveFailed) {
  const auto remote = stored_.open(kShards);
  const auto fetched = [&] { return remote->store().stats().fetches; };
  const auto serve = [&] {
    return std::make_unique<Fetchers>(remote->store(), 2, Fetchers::no_fault, stored_.content());
  };
  auto fetchers = serve();
  LoaderOptions few_ahead = options({}, 1);
  few_ahead.prefetch = 2;
  Loader loader(dataset_of_remote_shards(remote), few_ahead);
  const auto pass = loader.start(0, 0);
  Batch batch;
  ASSERT_TRUE(next_batch(*pass, batch));
  ASSERT_TRUE(comes([&] { return fetched() == 5; })) << "two are due, and a quarter of the cache";
  ASSERT_TRUE(comes([&] { return pass->stats().queue_depth == few_ahead.prefetch; }))
      << "no worker is to meet the failure";
  fetchers.reset();
  {
    const LocksThatFail failing(stored_.default_cache());
    ASSERT_TRUE(comes([&] { return pass->stats().shard_ahead_failures > 0; }));
  }
  fetchers = serve();
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(next_batch(*pass, batch));
  }
  EXPECT_TRUE(comes([&] { return fetched() > 5; })) << "workers are not there yet";
}

// Both need more than half of the cache, and the one that is not asked holds its part.
TEST_F(ShardLookAheadTest, TwoPassesTakeTurnsInACacheForOne) {
  const ServedDataset served(stored_, 4);
  Loader one(served.dataset(), options(shards(3)));
  Loader other(served.dataset(), options(shards(3)));
  const auto first = one.start(0, 0);
  const auto second = other.start(1, 100);
  const Batches expected_first = read(local_, options(shards(3)), 0);
  const Batches expected_second = read(local_, options(shards(3)), 1, 100);
  Batch batch;
  for (size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(next_batch(*first, batch));
    EXPECT_EQ(ids(batch), expected_first[i]);
    ASSERT_TRUE(next_batch(*second, batch));
    EXPECT_EQ(ids(batch), expected_second[i]);
  }
}

// Training in its sixth epoch, and validation over some of the rows. It comes to a shard when
// training has done with it, and has not wanted it before that.
TEST_F(ShardLookAheadTest, TwoPassesWithRoomForBothFetchEachShardOnce) {
  constexpr uint64_t kOfShard = 20;
  constexpr uint64_t kMore = 80;
  constexpr uint64_t kSome = 60;
  const StoredDataset stored(numbered_rows(kMore * kOfShard),
                             std::vector<uint64_t>(kMore, kOfShard));
  // A pass has a quarter ahead and one or two that are due: between those of the two lie four. What
  // is left is for threads that come late.
  const ServedDataset served(stored, 40);
  constexpr uint64_t kBehind = 16;
  constexpr uint64_t kSoonThere = 8;
  LoaderOptions few_ahead = options({}, 1);
  few_ahead.split.batch_size = kOfShard / 4;
  few_ahead.prefetch = 1;
  const DatasetPtr some = slice(served.dataset(), 0, kSome * kOfShard, 1);
  Loader training(served.dataset(), few_ahead);
  Loader validation(some, few_ahead);
  const auto pass = training.start(5, 0);
  const auto other = validation.start(0, 0);
  Batches found;
  Batches others;
  const auto read_shard = [](Pass& of, Batches& batches) {
    Batch batch;
    for (int i = 0; i < 4; ++i) {
      ASSERT_TRUE(next_batch(of, batch));
      batches.push_back(ids(batch));
    }
  };
  const auto stats = [&] { return served.store().stats(); };
  for (uint64_t shard = 0; shard < kMore; ++shard) {
    read_shard(*pass, found);
    const auto here = [&] { return stats().fetches >= std::min(kMore, shard + kSoonThere); };
    ASSERT_TRUE(comes(here)) << shard;
    if (const uint64_t behind = shard - kBehind; behind < kSome) {
      read_shard(*other, others);
      const auto there = [&] { return stats().hits >= std::min(kSome, behind + kSoonThere); };
      ASSERT_TRUE(comes(there)) << shard;
    }
  }
  EXPECT_EQ(served.store().stats().fetches, kMore);
  EXPECT_EQ(found, read(stored.local(), few_ahead, 5));
  EXPECT_EQ(others, read(slice(stored.local(), 0, kSome * kOfShard, 1), few_ahead));
}

TEST_F(ShardLookAheadTest, APassThatIsClosedLeavesTheDownloadsOfAnother) {
  std::atomic<bool> slow{true};
  const ServedDataset served(stored_, kShards, stored_.default_cache(), [&](const FetchJob&) {
    while (slow) {
      std::this_thread::sleep_for(milliseconds(1));
    }
    return Fetchers::Fault::kNone;
  });
  Loader training(served.dataset(), options({}));
  const auto pass = training.start(5, 0);
  Batch batch;
  EXPECT_EQ(pass->next(batch, kSoon), Pass::Next::kWait);
  Loader validation(slice(served.dataset(), 0, 100, 1), options({}));
  const auto other = validation.start(0, 0);
  EXPECT_EQ(other->next(batch, kSoon), Pass::Next::kWait);
  other->close("closed by a test");
  slow = false;
  EXPECT_EQ(drain(*pass), read(local_, options({}), 5));
  EXPECT_EQ(served.store().stats().fetches, kShards);
}

}  // namespace
}  // namespace headrace
