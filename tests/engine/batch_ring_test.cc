#include "engine/batch_ring.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace headrace {
namespace {

using std::chrono::milliseconds;
using Taken = BatchRing::Taken;

constexpr milliseconds kLong{60'000};  // longer than any test: only a fault reaches it

Batch numbered(uint64_t number) {
  Batch batch;
  batch.number = number;
  batch.rows = number * 10;
  return batch;
}

TEST(BatchRing, HandsOutNumbersUpToItsCapacity) {
  BatchRing ring(3, 10);
  EXPECT_EQ(ring.claim(), 0U);
  EXPECT_EQ(ring.claim(), 1U);
  EXPECT_EQ(ring.claim(), 2U);
  ring.publish(numbered(0));
  Batch batch;
  ASSERT_EQ(ring.take(batch, kLong), Taken::kBatch);
  EXPECT_EQ(ring.claim(), 3U);
}

TEST(BatchRing, KnowsUpToWhereAllBatchesAreMade) {
  BatchRing ring(3, 10);
  EXPECT_EQ(ring.made(), 0U);
  for (int i = 0; i < 3; ++i) {
    ring.claim();
  }
  ring.publish(numbered(1));
  EXPECT_EQ(ring.made(), 0U);
  ring.publish(numbered(0));
  EXPECT_EQ(ring.made(), 2U);
  Batch batch;
  ASSERT_EQ(ring.take(batch, kLong), Taken::kBatch);
  EXPECT_EQ(ring.made(), 2U);
  ring.publish(numbered(2));
  EXPECT_EQ(ring.made(), 3U);
}

TEST(BatchRing, AWorkerThatWaitsIsCalledNowAndThen) {
  BatchRing ring(1, 10);
  EXPECT_EQ(ring.claim(milliseconds(1), [] { FAIL() << "there is room"; }), 0U);
  ring.publish(numbered(0));
  int calls = 0;
  const auto idle = [&] {
    if (++calls == 3) {
      Batch batch;
      EXPECT_EQ(ring.take(batch, milliseconds(0)), Taken::kBatch) << "no lock is held";
    }
  };
  EXPECT_EQ(ring.claim(milliseconds(1), idle), 1U);
  EXPECT_EQ(calls, 3);
}

TEST(BatchRing, GivesBatchesInOrderHoweverTheyCome) {
  BatchRing ring(4, 4);
  for (int i = 0; i < 4; ++i) {
    ring.claim();
  }
  Batch batch;
  for (const uint64_t number : {2, 3, 1}) {
    ring.publish(numbered(number));
    EXPECT_EQ(ring.take(batch, milliseconds(0)), Taken::kTimeout);
  }
  EXPECT_EQ(ring.depth(), 3U);
  ring.publish(numbered(0));
  for (uint64_t number = 0; number < 4; ++number) {
    ASSERT_EQ(ring.take(batch, kLong), Taken::kBatch);
    EXPECT_EQ(batch.number, number);
    EXPECT_EQ(batch.rows, number * 10);
  }
  EXPECT_EQ(ring.depth(), 0U);
  EXPECT_EQ(ring.take(batch, kLong), Taken::kEnd);
  EXPECT_EQ(ring.take(batch, kLong), Taken::kEnd);
  EXPECT_EQ(ring.claim(), std::nullopt);
}

TEST(BatchRing, LetsOnlyAllowedBatchesBeClaimed) {
  BatchRing ring(4, 6, 0);
  EXPECT_EQ(ring.reach(), 4U);
  EXPECT_EQ(ring.try_claim(9), std::nullopt);
  ring.allow(2);
  EXPECT_EQ(ring.claim(), 0U);
  EXPECT_EQ(ring.try_claim(9), 1U);
  EXPECT_EQ(ring.try_claim(9), std::nullopt);
  ring.publish(numbered(0));
  Batch batch;
  ASSERT_EQ(ring.take(batch, milliseconds(0)), BatchRing::Taken::kBatch);
  EXPECT_EQ(ring.reach(), 5U);
}

TEST(BatchRing, WakesAWorkerForABatchThatIsAllowed) {
  BatchRing ring(4, 6, 0);
  std::optional<uint64_t> claimed;
  std::thread worker([&] { claimed = ring.claim(); });
  std::this_thread::sleep_for(milliseconds(20));
  ring.allow(1);
  worker.join();
  EXPECT_EQ(claimed, 0U);
}

TEST(BatchRing, TryClaimNeverWaits) {
  BatchRing ring(3, 4);
  EXPECT_EQ(ring.try_claim(2), 0U);
  EXPECT_EQ(ring.try_claim(2), 1U);
  EXPECT_EQ(ring.try_claim(2), std::nullopt);  // two are claimed and not taken
  EXPECT_EQ(ring.try_claim(9), 2U);
  EXPECT_EQ(ring.try_claim(9), std::nullopt);  // the ring is full
  ring.publish(numbered(0));
  Batch batch;
  ASSERT_EQ(ring.take(batch, kLong), Taken::kBatch);
  EXPECT_EQ(ring.try_claim(2), std::nullopt);
  EXPECT_EQ(ring.try_claim(3), 3U);
  ring.publish(numbered(1));
  ASSERT_EQ(ring.take(batch, kLong), Taken::kBatch);
  EXPECT_EQ(ring.try_claim(9), std::nullopt);  // none is left
  BatchRing closed(3, 4);
  closed.close();
  EXPECT_EQ(closed.try_claim(9), std::nullopt);
}

TEST(BatchRing, CountsWhatAConsumerSpendsOnMakingABatch) {
  BatchRing ring(3, 4);
  ring.add_consumer_wait(milliseconds(7));
  ring.add_consumer_wait(milliseconds(4));
  EXPECT_EQ(ring.consumer_wait(), milliseconds(11));
}

TEST(BatchRing, WithoutBatchesIsAtItsEnd) {
  BatchRing ring(2, 0);
  Batch batch;
  EXPECT_EQ(ring.claim(), std::nullopt);
  EXPECT_EQ(ring.take(batch, kLong), Taken::kEnd);
}

TEST(BatchRing, CarriesErrors) {
  BatchRing ring(2, 1);
  ring.claim();
  Batch failed = numbered(0);
  failed.error = std::make_exception_ptr(std::runtime_error("no"));
  ring.publish(std::move(failed));
  Batch batch;
  ASSERT_EQ(ring.take(batch, kLong), Taken::kBatch);
  EXPECT_THROW(std::rethrow_exception(batch.error), std::runtime_error);
}

TEST(BatchRing, WaitsNoLongerThanAskedFor) {
  BatchRing ring(2, 5);
  ring.claim();
  Batch batch;
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(ring.take(batch, milliseconds(30)), Taken::kTimeout);
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(30));
  EXPECT_GE(ring.consumer_wait(), milliseconds(30));
  EXPECT_EQ(ring.worker_wait().count(), 0);
}

TEST(BatchRing, WakesTheConsumerForTheBatchThatItWaitsFor) {
  BatchRing ring(2, 5);
  ring.claim();
  std::thread worker([&] {
    std::this_thread::sleep_for(milliseconds(20));
    ring.publish(numbered(0));
  });
  Batch batch;
  EXPECT_EQ(ring.take(batch, kLong), Taken::kBatch);
  worker.join();
  EXPECT_GT(ring.consumer_wait().count(), 0);
}

TEST(BatchRing, HoldsWorkersBackWhileItIsFull) {
  BatchRing ring(2, 10);
  ring.claim();
  ring.claim();
  std::atomic<bool> went{false};
  std::thread worker([&] {
    EXPECT_EQ(ring.claim(), 2U);
    went = true;
  });
  std::this_thread::sleep_for(milliseconds(30));
  EXPECT_FALSE(went.load());
  ring.publish(numbered(1));
  ring.publish(numbered(0));
  std::this_thread::sleep_for(milliseconds(10));
  EXPECT_FALSE(went.load());  // ready is not taken
  Batch batch;
  ASSERT_EQ(ring.take(batch, kLong), Taken::kBatch);
  worker.join();
  EXPECT_GT(ring.worker_wait().count(), 0);
}

TEST(BatchRing, CloseWakesWorkersAndConsumer) {
  BatchRing ring(1, 10);
  ring.claim();
  std::vector<std::thread> threads;
  std::atomic<int> woken{0};
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] { woken += ring.claim().has_value() ? 0 : 1; });
  }
  threads.emplace_back([&] {
    Batch batch;
    woken += ring.take(batch, kLong) == Taken::kClosed ? 1 : 0;
  });
  std::this_thread::sleep_for(milliseconds(20));
  ring.close();
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(woken.load(), 4);
  Batch batch;
  EXPECT_EQ(ring.take(batch, kLong), Taken::kClosed);
  EXPECT_EQ(ring.claim(), std::nullopt);
  ring.close();
}

TEST(BatchRing, CloseGivesBackWhatNobodyWillTake) {
  const auto pool = std::make_shared<SlotPool>(64, 4);
  const auto with_slot = [&](uint64_t number) {
    Batch batch = numbered(number);
    batch.columns.emplace_back(pool->acquire(), 64);
    return batch;
  };
  BatchRing ring(2, 10);
  ring.claim();
  ring.claim();
  ring.publish(with_slot(1));
  EXPECT_EQ(pool.use_count(), 2);
  ring.close();
  EXPECT_EQ(pool.use_count(), 1);
  EXPECT_EQ(ring.depth(), 0U);
  ring.publish(with_slot(0));  // came too late
  EXPECT_EQ(pool.use_count(), 1);
}

TEST(BatchRing, TakeLeavesNothingBehindInThePlace) {
  const auto pool = std::make_shared<SlotPool>(64, 4);
  BatchRing ring(2, 10);
  ring.claim();
  Batch filled = numbered(0);
  filled.columns.emplace_back(pool->acquire(), 64);
  ring.publish(std::move(filled));
  {
    Batch batch;
    ASSERT_EQ(ring.take(batch, kLong), Taken::kBatch);
    EXPECT_EQ(pool.use_count(), 2);
  }
  EXPECT_EQ(pool.use_count(), 1);
}

// Workers of uneven speed against one consumer.
void run_ring(uint64_t capacity, uint64_t batches, int workers, uint64_t seed) {
  BatchRing ring(capacity, batches);
  std::atomic<uint64_t> taken{0};
  std::atomic<int> over{0};
  std::vector<std::thread> threads;
  for (int w = 0; w < workers; ++w) {
    threads.emplace_back([&, w] {
      std::mt19937_64 random(seed + static_cast<uint64_t>(w));
      while (const auto number = ring.claim()) {
        // taken may lag behind the ring by the batch that is being counted.
        over += *number >= taken.load() + capacity + 1 ? 1 : 0;
        if (random() % 8 == 0) {
          std::this_thread::sleep_for(std::chrono::microseconds(random() % 200));
        }
        ring.publish(numbered(*number));
      }
    });
  }
  Batch batch;
  uint64_t next = 0;
  while (ring.take(batch, kLong) == Taken::kBatch) {
    ++taken;
    ASSERT_EQ(batch.number, next++);
  }
  EXPECT_EQ(next, batches);
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(over.load(), 0);
}

TEST(BatchRing, KeepsOrderAndCapacityUnderManyWorkers) {
  for (const uint64_t capacity : {1, 2, 3, 7}) {
    for (const int workers : {1, 2, 8}) {
      SCOPED_TRACE(capacity);
      run_ring(capacity, 400, workers, capacity * 10);
    }
  }
}

TEST(BatchRing, MayBeClosedAtAnyMoment) {
  for (int round = 0; round < 60; ++round) {
    BatchRing ring(2, 1'000'000);
    std::vector<std::thread> threads;
    for (int w = 0; w < 3; ++w) {
      threads.emplace_back([&] {
        while (const auto number = ring.claim()) {
          ring.publish(numbered(*number));
        }
      });
    }
    threads.emplace_back([&] {
      Batch batch;
      while (ring.take(batch, kLong) == Taken::kBatch) {
      }
    });
    std::this_thread::sleep_for(std::chrono::microseconds(round * 20));
    ring.close();
    for (std::thread& thread : threads) {
      thread.join();
    }
  }
}

}  // namespace
}  // namespace headrace
