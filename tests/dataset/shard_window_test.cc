#include "dataset/shard_window.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/shard_pass.h"
#include "testing/earlier_boot.h"
#include "testing/errors.h"
#include "testing/numbered_shards.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

class ShardWindowTest : public testing::Test {
 protected:
  std::shared_ptr<ShardWindow> open(uint64_t room) {
    return ShardWindow::open(NumberedShards::dataset(), shards_.table(),
                             shards_.options(dir_.path("cache"), room));
  }

  // Fetches all that there is room for; returns which shards, in the order they were begun.
  static std::vector<uint64_t> fetch_all(ShardWindow& window) {
    std::vector<uint64_t> fetched;
    while (const auto job = window.jobs()->take(milliseconds(0))) {
      if (job->offset() == 0) {
        fetched.push_back(job->request().id);
      }
      Fetchers::fetch(*job, Fetchers::Fault::kNone);
    }
    return fetched;
  }

  uint64_t files() const {
    const auto all = fs::recursive_directory_iterator(dir_.path("cache"));
    return static_cast<uint64_t>(std::ranges::count_if(
        all, [](const auto& entry) { return entry.path().extension() == ".shard"; }));
  }

  // Wants shards, whose numbers are also the order of their uses.
  static void want(ShardPass& pass, const std::vector<uint64_t>& shards) {
    for (const uint64_t shard : shards) {
      pass.want(shard, shard * 10);
    }
  }

  // Leaves shards in the cache, as an earlier run does.
  void leave(const std::vector<uint64_t>& shards) {
    const auto window = open(shards.size());
    ShardPass pass(window, 1000);
    want(pass, shards);
    ASSERT_EQ(fetch_all(*window), shards);
  }

  static void no_poll() {}

  TempDir dir_;
  NumberedShards shards_{20};
};

TEST_F(ShardWindowTest, FetchesInTheOrderOfUsesUpToItsShare) {
  const auto window = open(3);
  ShardPass pass(window, 1000);
  want(pass, {5, 3, 4, 1, 2});
  EXPECT_EQ(fetch_all(*window), (std::vector<uint64_t>{1, 2, 3}));
  EXPECT_EQ(window->stats().held_bytes, 3 * NumberedShards::kCharge);
  EXPECT_NE(window->queue().describe(4).find("room in the cache"), std::string::npos);
  pass.release(1, kNoKnownUse);
  EXPECT_EQ(fetch_all(*window), (std::vector<uint64_t>{4}));
  EXPECT_EQ(files(), 3U);
}

TEST_F(ShardWindowTest, WhatIsOnItsWayIsGivenBackBeforeWhatIsUsedSooner) {
  const auto window = open(3);
  ShardPass pass(window, 1000);
  want(pass, {5, 7, 9});
  std::vector<std::unique_ptr<FetchJob>> coming;
  while (auto job = window->jobs()->take(milliseconds(0))) {
    if (job->request().id == 5) {
      Fetchers::fetch(*job, Fetchers::Fault::kNone);
    } else {
      coming.push_back(std::move(job));
    }
  }
  pass.want(1, 1);
  EXPECT_TRUE(fetch_all(*window).empty()) << "9 is not there yet, and 5 is used before it";
  for (const auto& job : coming) {
    Fetchers::fetch(*job, Fetchers::Fault::kNone);
  }
  const auto job = window->jobs()->take(milliseconds(5000));  // it is asked again now and then
  ASSERT_NE(job, nullptr);
  EXPECT_EQ(job->request().id, 1U);
  EXPECT_NE(window->find(5), nullptr);
  EXPECT_NE(window->find(7), nullptr);
}

TEST_F(ShardWindowTest, WhatIsNeededEarlierTakesTheRoomOfWhatIsNeededLater) {
  const auto window = open(3);
  ShardPass pass(window, 1000);
  want(pass, {7, 8, 9});
  EXPECT_EQ(fetch_all(*window).size(), 3U);
  pass.want(1, 1);
  EXPECT_EQ(fetch_all(*window), (std::vector<uint64_t>{1}));
  EXPECT_EQ(window->wait(7, no_poll)->key().shard, shards_.table()->ids[7]);
  EXPECT_EQ(files(), 3U) << "that of 9 had to go";
  EXPECT_NE(window->queue().describe(9), "") << "and it is wanted again";
}

TEST_F(ShardWindowTest, WhatSomebodyHoldsIsNotGivenBack) {
  const auto window = open(2);
  ShardPass pass(window, 1000);
  want(pass, {7, 8});
  fetch_all(*window);
  const auto seven = window->wait(7, no_poll);
  const auto eight = window->wait(8, no_poll);
  pass.want(1, 1);
  EXPECT_TRUE(fetch_all(*window).empty());
  EXPECT_EQ(eight->map()->size(), NumberedShards::kShardBytes);
}

TEST_F(ShardWindowTest, ReadsWhatEarlierRunsHaveLeft) {
  leave({1, 2});
  const auto window = open(5);
  const auto shard = window->wait(1, no_poll);
  const auto bytes = NumberedShards::content(1);
  EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), shard->map()->data()));
  window->wait(2, no_poll);
  EXPECT_EQ(window->stats().hits, 2U);
  EXPECT_EQ(window->stats().fetches, 0U);
}

TEST_F(ShardWindowTest, ChecksWhatAnEarlierBootHasLeft) {
  leave({1, 2});
  const std::string boot = dir_.path("cache/" + uuid_text(boot_id()));
  const std::string before = restart_machine(dir_.path("cache"));
  const NextUses names(NumberedShards::dataset(), shards_.table());
  const std::string damaged = cache_file_name(names.key(2), CacheFileKind::kShard);
  dir_.fill(before.substr(dir_.path().size() + 1) + "/" + damaged, NumberedShards::kShardBytes);
  const auto window = open(5);
  ShardPass pass(window, 1000);
  EXPECT_NE(window->wait(1, no_poll), nullptr);
  EXPECT_EQ(window->stats().hits, 1U);
  pass.want(2, 2);
  EXPECT_EQ(fetch_all(*window), (std::vector<uint64_t>{2}));
  EXPECT_FALSE(fs::exists(before + "/" + damaged));
  EXPECT_TRUE(fs::exists(boot + "/" + damaged));
}

TEST_F(ShardWindowTest, CountsWhatItFetchesAgain) {
  const auto window = open(1);
  ShardPass pass(window, 1000);
  for (const uint64_t shard : {1, 2, 1}) {
    pass.want(shard, 1);
    EXPECT_EQ(fetch_all(*window).size(), 1U);
    pass.release(shard, kNoKnownUse);
  }
  EXPECT_EQ(window->stats().fetches, 3U);
  EXPECT_EQ(window->stats().refetches, 1U);
  EXPECT_EQ(window->stats().bytes, 3 * NumberedShards::kShardBytes);
  EXPECT_EQ(window->stats().held_bytes, 0U);
}

TEST_F(ShardWindowTest, HoldsItsShareOfWhatSeveralProcessesHave) {
  const auto window = open(4);
  ShardPass pass(window, 1000);
  want(pass, {1, 2, 3, 4});
  EXPECT_EQ(fetch_all(*window).size(), 4U);
  const auto other = open(4);
  ShardPass others(other, 1000);
  others.want(5, 1);
  others.want(6, 2);
  std::vector<uint64_t> fetched;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (fetched.size() < 2 && std::chrono::steady_clock::now() < until) {
    fetch_all(*window);  // it sees within a second that there is another one
    const auto more = fetch_all(*other);
    fetched.insert(fetched.end(), more.begin(), more.end());
    ::usleep(10'000);
  }
  EXPECT_EQ(fetched, (std::vector<uint64_t>{5, 6}));
  EXPECT_LE(window->stats().held_bytes, 2 * NumberedShards::kCharge);
  EXPECT_EQ(files(), 4U);
}

TEST_F(ShardWindowTest, AFailureIsThrownOnceAndThenItIsTriedAgain) {
  const auto window = open(3);
  ShardPass pass(window, 1000);
  pass.want(1, 1);
  Fetchers::fetch(*window->jobs()->take(milliseconds(0)), Fetchers::Fault::kGone);
  const Error error = expect_error(ErrorCode::kNotFound, {"shards/", "mem://bucket/d", "404"},
                                   [&] { window->wait(1, no_poll); });
  EXPECT_EQ(std::string(error.what()).find("SECRET"), std::string::npos);
  EXPECT_EQ(window->stats().held_bytes, 0U);
  pass.want(1, 1);
  EXPECT_EQ(fetch_all(*window), (std::vector<uint64_t>{1}));
  EXPECT_NE(window->wait(1, no_poll), nullptr);
}

TEST_F(ShardWindowTest, AFailureIsThrownThoughAnotherOneWantsTheShardAnewMeanwhile) {
  const auto window = open(3);
  ShardPass pass(window, 1000);
  pass.want(1, 1);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  // Between two looks at the queue.
  const auto fail_and_want = [&] {
    if (std::chrono::steady_clock::now() > until) {
      throw Error(ErrorCode::kInvalid, "it waits for the second try");
    }
    if (const auto job = window->jobs()->take(milliseconds(0))) {
      Fetchers::fetch(*job, Fetchers::Fault::kGone);
      pass.want(1, 1);
    }
  };
  expect_error(ErrorCode::kNotFound, {"404"}, [&] { window->wait(1, fail_and_want); });
  EXPECT_EQ(fetch_all(*window), (std::vector<uint64_t>{1})) << "that one gets it";
  EXPECT_EQ(window->stats().held_bytes, NumberedShards::kCharge);
}

TEST_F(ShardWindowTest, AWaitThatIsInterruptedEnds) {
  const auto window = open(3);
  ShardPass pass(window, 1000);
  expect_error(ErrorCode::kInvalid, {"interrupt"},
               [&] { window->wait(1, [] { throw Error(ErrorCode::kInvalid, "interrupt"); }); });
  EXPECT_EQ(window->stats().waits, 1U);
  EXPECT_EQ(window->jobs()->take(milliseconds(0)), nullptr) << "nobody wants it any more";
  EXPECT_EQ(window->stats().held_bytes, 0U);
  pass.want(2, 2);
  expect_error(ErrorCode::kInvalid, {"interrupt"},
               [&] { window->wait(2, [] { throw Error(ErrorCode::kInvalid, "interrupt"); }); });
  EXPECT_NE(window->jobs()->take(milliseconds(0)), nullptr) << "it was wanted for later";
  expect_error(ErrorCode::kInvalid, {"no shard 20", "has 20"}, [&] { pass.want(20, 0); });
  expect_error(ErrorCode::kInvalid, {"2^62"}, [&] { pass.want(1, kLaterPass); });
}

TEST_F(ShardWindowTest, WhatIsReleasedWhileItIsFetchedGivesItsRoomBack) {
  const auto window = open(1);
  ShardPass pass(window, 1000);
  pass.want(1, 1);
  auto job = window->jobs()->take(milliseconds(0));
  pass.release(1, kNoKnownUse);
  expect_error(ErrorCode::kCancelled, {}, [&] { job->write(0, std::vector<std::byte>(10)); });
  job.reset();
  pass.want(2, 1);
  EXPECT_EQ(fetch_all(*window), (std::vector<uint64_t>{2}));
}

}  // namespace
}  // namespace headrace
