#include "storage/fetch_queue.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/fetching.h"

namespace headrace {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class FetchQueueTest : public testing::Test {
 protected:
  void push(uint64_t id, uint64_t next_use) {
    queue_->push({.id = id,
                  .next_use = next_use,
                  .bytes = FakeKeeper::kBytes,
                  .name = "shards/" + std::to_string(id)});
  }

  std::unique_ptr<FetchJob> take() { return queue_->take(milliseconds(0)); }

  // The object of the next job; 0 for none.
  uint64_t take_id() {
    auto job = take();
    if (job == nullptr) {
      return 0;
    }
    jobs_.push_back(std::move(job));
    return jobs_.back()->request().id;
  }

  static void finish(FetchJob& job) {
    job.write(job.offset(), some_bytes(job.bytes()));
    job.done("");
  }

  bool pending(uint64_t id) { return queue_->wait(id, milliseconds(0)); }

  FakeKeeper keeper_;
  HandClock clock_;
  std::shared_ptr<FetchQueue> queue_ =
      FetchQueue::make(keeper_.hooks(), {.clock = clock_.clock(), .origin = "s3://bucket/d"});
  std::vector<std::unique_ptr<FetchJob>> jobs_;
};

TEST_F(FetchQueueTest, GivesWhatIsUsedFirst) {
  push(1, 30);
  push(2, 10);
  push(3, 20);
  push(1, 5);  // it is needed earlier
  EXPECT_EQ(take_id(), 1U);
  EXPECT_EQ(take_id(), 2U);
  EXPECT_EQ(take_id(), 3U);
  EXPECT_EQ(take_id(), 0U);
}

TEST_F(FetchQueueTest, WhatIsThereNeedsNoJob) {
  keeper_.answer(1, FetchStep::kReady);
  push(1, 1);
  EXPECT_FALSE(pending(1));
  keeper_.answer(2, FetchStep::kCheck);
  push(2, 1);
  EXPECT_EQ(take_id(), 0U);
  EXPECT_EQ(keeper_.checked, (std::vector<uint64_t>{2}));
  EXPECT_FALSE(pending(2));
  EXPECT_EQ(queue_->counters().requests, 0U);
}

TEST_F(FetchQueueTest, WhatIsNotAsItWasIsFetched) {
  keeper_.answer(1, FetchStep::kCheck);
  keeper_.check_answer = false;
  const FetchHooks hooks = keeper_.hooks();
  queue_ = FetchQueue::make({.start = hooks.start,
                             .check =
                                 [&](const FetchRequest& request) {
                                   keeper_.answer(1, FetchStep::kGranted);
                                   return hooks.check(request);
                                 },
                             .admit = hooks.admit},
                            {.clock = clock_.clock()});
  push(1, 1);
  EXPECT_EQ(take_id(), 1U);
}

TEST_F(FetchQueueTest, NoRoomHoldsUpWhatIsUsedLater) {
  keeper_.answer(2, FetchStep::kNoRoom);
  push(1, 10);
  push(2, 20);
  push(3, 30);
  EXPECT_EQ(take_id(), 1U);
  EXPECT_EQ(take_id(), 0U);
  EXPECT_EQ(keeper_.started, (std::vector<uint64_t>{1, 2}));
  EXPECT_NE(queue_->describe(2).find("waits for room in the cache"), std::string::npos);
  clock_.go(milliseconds(20));
  EXPECT_EQ(take_id(), 0U);
  EXPECT_EQ(keeper_.started, (std::vector<uint64_t>{1, 2, 2}));
  keeper_.answer(2, FetchStep::kGranted);
  clock_.go(milliseconds(20));
  EXPECT_EQ(take_id(), 2U);
  EXPECT_EQ(take_id(), 3U);
}

TEST_F(FetchQueueTest, AsksForRoomAtOnceWhenThereMayBeSome) {
  keeper_.answer(1, FetchStep::kNoRoom);
  push(1, 10);
  EXPECT_EQ(take_id(), 0U);
  keeper_.answer(1, FetchStep::kGranted);
  EXPECT_EQ(take_id(), 0U) << "it is not its time";
  queue_->ask_again();
  EXPECT_EQ(take_id(), 1U);
}

TEST_F(FetchQueueTest, WhatOthersFetchHoldsUpNothing) {
  keeper_.answer(1, FetchStep::kElsewhere);
  push(1, 10);
  push(2, 20);
  EXPECT_EQ(take_id(), 2U);
  EXPECT_NE(queue_->describe(1).find("another process"), std::string::npos);
  keeper_.answer(1, FetchStep::kReady);
  clock_.go(milliseconds(20));
  EXPECT_FALSE(pending(1));
}

TEST_F(FetchQueueTest, WhoWaitsMakesItUrgent) {
  keeper_.answer(1, FetchStep::kNoRoom);
  push(1, 10);
  EXPECT_EQ(take_id(), 0U);
  EXPECT_TRUE(pending(1)) << "asked again at once";
  EXPECT_EQ(keeper_.urgent, (std::vector<bool>{false, true}));
}

TEST_F(FetchQueueTest, TriesAgainWithGrowingDelaysUntilTheDeadline) {
  push(1, 1);
  std::vector<milliseconds> delays;
  milliseconds waited{0};
  while (delays.size() < 100) {
    auto job = take();
    if (job == nullptr) {
      try {
        pending(1);
      } catch (const Error&) {
        break;
      }
      clock_.go(milliseconds(50));
      waited += milliseconds(50);
      continue;
    }
    delays.push_back(waited);
    waited = milliseconds(0);
    job->fail("503 from https://host/x?sig=SECRET", {});
  }
  ASSERT_GT(delays.size(), 8U);
  EXPECT_EQ(delays[1], milliseconds(100));
  EXPECT_EQ(delays[4], milliseconds(800));
  EXPECT_EQ(delays.back(), milliseconds(10'000));
  const Error error =
      expect_error(ErrorCode::kIo,
                   {"shards/1 of s3://bucket/d", "503 from https://host/x", "times in", "resumed"},
                   [&] { pending(1); });
  EXPECT_EQ(error.context().file, "shards/1");
  expect_error(ErrorCode::kIo, {"503"}, [&] { pending(1); });  // every waiter
  EXPECT_EQ(queue_->counters().failed, 1U);
  EXPECT_TRUE(keeper_.files[1].expired()) << "its room is given back";
}

TEST_F(FetchQueueTest, WaitsAsLongAsTheStoreSays) {
  push(1, 1);
  take()->fail("429", {.retry_after = seconds(7)});
  clock_.go(milliseconds(6900));
  EXPECT_EQ(take_id(), 0U);
  clock_.go(milliseconds(100));
  EXPECT_EQ(take_id(), 1U);
}

TEST_F(FetchQueueTest, WhatCannotBeRepairedFailsAtOnce) {
  push(1, 1);
  take()->fail("404", {.code = ErrorCode::kNotFound, .retryable = false});
  expect_error(ErrorCode::kNotFound, {"404 (tried once in 0 s)"}, [&] { pending(1); });
  push(1, 1);
  EXPECT_TRUE(pending(1)) << "wanted again, its failure is forgotten";
  EXPECT_EQ(take_id(), 1U) << "and it is tried again";
}

TEST_F(FetchQueueTest, WhoWaitedIsToldOfAFailureThoughItIsWantedAgain) {
  push(1, 1);
  const uint64_t before = queue_->counters().failed;
  EXPECT_TRUE(queue_->wait(1, milliseconds(0), before));
  take()->fail("404", {.code = ErrorCode::kNotFound, .retryable = false});
  push(1, 1);
  expect_error(ErrorCode::kNotFound, {"404"}, [&] { queue_->wait(1, milliseconds(0), before); });
  EXPECT_TRUE(queue_->wait(1, milliseconds(0), queue_->counters().failed));
  const auto job = take();
  ASSERT_NE(job, nullptr);
  finish(*job);
  EXPECT_FALSE(queue_->wait(1, milliseconds(0), before)) << "it is there";
}

TEST_F(FetchQueueTest, AJobThatDoesNothingEndsAtTheDeadline) {
  push(1, 1);
  const auto job = take();
  clock_.go(seconds(119));
  EXPECT_TRUE(pending(1));
  clock_.go(seconds(1));
  expect_error(ErrorCode::kIo, {"did not come in time"}, [&] { pending(1); });
  EXPECT_TRUE(keeper_.files[1].expired());
  expect_error(ErrorCode::kCancelled, {}, [&] { job->write(0, some_bytes(1)); });
  push(1, 1);
  EXPECT_EQ(take_id(), 1U) << "another thread may fetch it meanwhile";
}

TEST_F(FetchQueueTest, TheTimeOfWhatNobodyFetchesYetDoesNotRun) {
  for (const uint64_t id : {1, 2, 3}) {
    push(id, id);
  }
  EXPECT_TRUE(pending(1)) << "nobody takes jobs, so whoever waits has all of them started";
  EXPECT_EQ(queue_->counters().requests, 3U);
  for (const uint64_t id : {1, 2, 3}) {  // a thread that takes 100 s for each
    const auto job = take();
    EXPECT_EQ(job->request().id, id);
    clock_.go(seconds(100));
    EXPECT_TRUE(pending(3));
    finish(*job);
  }
  EXPECT_FALSE(pending(3));
  EXPECT_EQ(queue_->counters().failed, 0U);
}

TEST_F(FetchQueueTest, WrongBytesAreFetchedAgainButNotForEver) {
  keeper_.admit_error = Error(ErrorCode::kCorrupt, "another hash");
  push(1, 1);
  finish(*take());
  EXPECT_TRUE(pending(1));
  clock_.go(milliseconds(100));
  finish(*take());
  EXPECT_FALSE(pending(1));
  EXPECT_EQ(queue_->counters().completed, 1U);

  keeper_.admit_error = Error(ErrorCode::kCorrupt, "another hash");
  keeper_.admit_error_stays = true;
  push(2, 1);
  for (int i = 0; i < 4; ++i) {
    const auto job = take();
    ASSERT_NE(job, nullptr) << i;
    finish(*job);
    clock_.go(seconds(1));
  }
  expect_error(ErrorCode::kCorrupt, {"shards/2", "another hash", "4 times"}, [&] { pending(2); });
}

TEST_F(FetchQueueTest, WhatTheKeeperThrowsEndsTheRequest) {
  keeper_.start_error = Error(ErrorCode::kIo, "the disk is full");
  push(1, 1);
  EXPECT_EQ(take_id(), 0U);
  expect_error(ErrorCode::kIo, {"the disk is full"}, [&] { pending(1); });
  keeper_.start_error.reset();
  keeper_.admit_error = Error(ErrorCode::kIo, "cannot be renamed");
  push(1, 1);
  finish(*take());
  expect_error(ErrorCode::kIo, {"cannot be renamed"}, [&] { pending(1); });
}

TEST_F(FetchQueueTest, CloseWakesAll) {
  queue_ = FetchQueue::make(keeper_.hooks(), {});
  keeper_.answer(1, FetchStep::kNoRoom);
  push(1, 1);
  std::atomic<int> woken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      try {
        while (queue_->wait(1, seconds(60))) {
        }
      } catch (const Error& error) {
        woken += error.code() == ErrorCode::kCancelled ? 1 : 0;
      }
    });
  }
  threads.emplace_back([&] {
    try {
      queue_->take(seconds(60));
    } catch (const Error& error) {
      woken += error.code() == ErrorCode::kCancelled ? 1 : 0;
    }
  });
  std::this_thread::sleep_for(milliseconds(50));
  queue_->close();
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(woken, 4);
  expect_error(ErrorCode::kCancelled, {"closed"}, [&] { push(2, 1); });
}

TEST_F(FetchQueueTest, ManyThreadsFetchEverythingOnce) {
  std::mutex mutex;
  std::vector<uint64_t> admitted;
  FakeKeeper keeper;
  const FetchHooks hooks = keeper.hooks();
  queue_ = FetchQueue::make({.start = hooks.start,
                             .check = hooks.check,
                             .admit =
                                 [&](const FetchRequest& request) {
                                   const std::lock_guard lock(mutex);
                                   admitted.push_back(request.id);
                                 }},
                            {.range_bytes = 3});
  constexpr uint64_t kObjects = 50;
  for (uint64_t id = 1; id <= kObjects; ++id) {
    push(id, id);
  }
  std::vector<std::thread> takers;
  for (int i = 0; i < 4; ++i) {
    takers.emplace_back([&, i] {
      try {
        for (int n = 0;; ++n) {
          if (const auto job = queue_->take(seconds(60)); n % 7 == i) {
            job->fail("now and then", {.retry_after = milliseconds(0)});
          } else {
            finish(*job);
          }
        }
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kCancelled);
      }
    });
  }
  for (uint64_t id = 1; id <= kObjects; ++id) {
    while (queue_->wait(id, seconds(60))) {
    }
  }
  queue_->close();
  for (std::thread& taker : takers) {
    taker.join();
  }
  std::ranges::sort(admitted);
  ASSERT_EQ(admitted.size(), kObjects);
  EXPECT_EQ(std::ranges::adjacent_find(admitted), admitted.end());
}

}  // namespace
}  // namespace headrace
