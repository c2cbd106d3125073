#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "engine/part_pools.h"

namespace headrace {

// The columns of one batch, or the error that stands in its place.
struct Batch {
  uint64_t number = 0;  // in its pass
  uint64_t rows = 0;
  uint64_t repeated = 0;  // of these rows, to fill up an empty tail
  std::vector<BatchColumn> columns;
  std::exception_ptr error;

  // Of all columns.
  uint64_t bytes() const noexcept;
};

// Numbered batches between workers, who fill them in any order, and a consumer, who takes them in
// order. At most `capacity` are claimed and not yet taken. One lock, held for a few instructions
// twice a batch; never while a batch is filled.
//
// A thread that must wait yields its processor for a moment before it sleeps. Waking costs more
// than a small batch; and on virtual machines that park idle processors a sleeper wakes where its
// waker runs, so that both take turns on one processor while another idles: half the speed,
// measured.
class BatchRing {
 public:
  enum class Taken : uint8_t { kBatch, kTimeout, kEnd, kClosed };

  // A ring for batches 0 .. batches - 1, of which the first `allowed` may be claimed. Requires:
  // capacity > 0.
  BatchRing(uint64_t capacity, uint64_t batches, uint64_t allowed = UINT64_MAX);

  // For workers: the number of the next batch to fill; waits while the ring is full. Nothing when
  // all are claimed or the ring was closed.
  std::optional<uint64_t> claim();

  // The same; while it has to wait, `idle`, unless it is empty, is called every `pause`, without a
  // lock.
  std::optional<uint64_t> claim(std::chrono::milliseconds pause, const std::function<void()>& idle);

  // The same without waiting: nothing also while `ahead` batches or more are claimed and not taken.
  std::optional<uint64_t> try_claim(uint64_t ahead);

  // Lets the first `allowed` batches be claimed.
  void allow(uint64_t allowed);

  // How many batches could be claimed by now, were all allowed.
  uint64_t reach() const;

  // For workers: hands over a claimed batch. After close() it is dropped.
  void publish(Batch batch);

  // For the consumer: the next batch in order, waiting for it at most `timeout`.
  Taken take(Batch& batch, std::chrono::milliseconds timeout);

  // Adds to consumer_wait() what a consumer spent on making a batch itself.
  void add_consumer_wait(std::chrono::nanoseconds time);

  // Wakes everybody; claim() and take() return at once from now on.
  void close();

  // Batches that were claimed so far.
  uint64_t claimed() const;

  // All batches before this one were published.
  uint64_t made() const;

  // Batches that wait to be taken.
  uint64_t depth() const;

  // How long claim() and take() have waited so far, summed over the threads.
  std::chrono::nanoseconds worker_wait() const;
  std::chrono::nanoseconds consumer_wait() const;

 private:
  // Yields until may_go() or a moment has passed; returns may_go().
  template <typename MayGo>
  static bool yield_until(std::unique_lock<std::mutex>& lock, const MayGo& may_go);

  bool may_claim() const noexcept { return closed_ || claimed_ == batches_ || has_room(); }

  bool has_room() const noexcept {
    return claimed_ - taken_ < places_.size() && claimed_ < allowed_;
  }

  struct Place {
    bool ready = false;
    Batch batch;
  };

  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::condition_variable ready_;
  std::vector<Place> places_;  // batch n is at n % capacity
  uint64_t batches_;
  uint64_t allowed_;
  uint64_t claimed_ = 0;
  uint64_t taken_ = 0;
  uint64_t depth_ = 0;
  uint64_t sleeping_workers_ = 0;
  uint64_t sleeping_consumers_ = 0;
  bool closed_ = false;
  std::chrono::nanoseconds worker_wait_{0};
  std::chrono::nanoseconds consumer_wait_{0};
};

}  // namespace headrace
