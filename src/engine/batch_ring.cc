#include "engine/batch_ring.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace headrace {

using Clock = std::chrono::steady_clock;

namespace {

constexpr std::chrono::microseconds kYieldFor{100};

}  // namespace

uint64_t Batch::bytes() const noexcept {
  uint64_t sum = 0;
  for (const BatchColumn& column : columns) {
    sum += column.bytes();
  }
  return sum;
}

BatchRing::BatchRing(uint64_t capacity, uint64_t batches, uint64_t allowed)
    : places_(capacity), batches_(batches), allowed_(allowed) {}

template <typename MayGo>
bool BatchRing::yield_until(std::unique_lock<std::mutex>& lock, const MayGo& may_go) {
  const Clock::time_point end = Clock::now() + kYieldFor;
  while (!may_go() && Clock::now() < end) {
    lock.unlock();
    std::this_thread::yield();
    lock.lock();
  }
  return may_go();
}

std::optional<uint64_t> BatchRing::claim() { return claim({}, nullptr); }

std::optional<uint64_t> BatchRing::claim(std::chrono::milliseconds pause,
                                         const std::function<void()>& idle) {
  std::unique_lock lock(mutex_);
  const auto may_go = [&] { return may_claim(); };
  if (!may_go()) {
    const Clock::time_point start = Clock::now();
    if (!yield_until(lock, may_go)) {
      ++sleeping_workers_;
      if (!idle) {
        room_.wait(lock, may_go);
      }
      while (!room_.wait_for(lock, pause, may_go)) {
        lock.unlock();
        idle();
        lock.lock();
      }
      --sleeping_workers_;
    }
    worker_wait_ += Clock::now() - start;
  }
  if (closed_ || claimed_ == batches_) {
    return std::nullopt;
  }
  return claimed_++;
}

std::optional<uint64_t> BatchRing::try_claim(uint64_t ahead) {
  const std::lock_guard lock(mutex_);
  if (closed_ || claimed_ == batches_ || !has_room() || claimed_ - taken_ >= ahead) {
    return std::nullopt;
  }
  return claimed_++;
}

void BatchRing::allow(uint64_t allowed) {
  const std::lock_guard lock(mutex_);
  allowed_ = allowed;
  if (sleeping_workers_ > 0) {
    room_.notify_one();
  }
}

uint64_t BatchRing::reach() const {
  const std::lock_guard lock(mutex_);
  return std::min<uint64_t>(batches_, taken_ + places_.size());
}

void BatchRing::publish(Batch batch) {
  const std::unique_lock lock(mutex_);
  if (closed_) {
    return;
  }
  Place& place = places_[batch.number % places_.size()];
  const bool awaited = batch.number == taken_;
  place.batch = std::move(batch);
  place.ready = true;
  ++depth_;
  if (awaited && sleeping_consumers_ > 0) {
    ready_.notify_all();
  }
}

BatchRing::Taken BatchRing::take(Batch& batch, std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  const auto may_go = [&] {
    return closed_ || taken_ == batches_ || places_[taken_ % places_.size()].ready;
  };
  if (!may_go()) {
    if (timeout.count() == 0) {
      return Taken::kTimeout;
    }
    const Clock::time_point start = Clock::now();
    if (!yield_until(lock, may_go)) {
      ++sleeping_consumers_;
      ready_.wait_for(lock, timeout, may_go);
      --sleeping_consumers_;
    }
    consumer_wait_ += Clock::now() - start;
    if (!may_go()) {
      return Taken::kTimeout;
    }
  }
  if (closed_) {
    return Taken::kClosed;
  }
  if (taken_ == batches_) {
    return Taken::kEnd;
  }
  Place& place = places_[taken_ % places_.size()];
  batch = std::move(place.batch);
  place.batch = Batch();
  place.ready = false;
  ++taken_;
  --depth_;
  // A wake-up costs as much as a small batch, so sleeping workers are woken when half the ring is
  // free, for all of it.
  if (sleeping_workers_ > 0 && (claimed_ - taken_) * 2 <= places_.size()) {
    room_.notify_all();
  }
  return Taken::kBatch;
}

void BatchRing::add_consumer_wait(std::chrono::nanoseconds time) {
  const std::lock_guard lock(mutex_);
  consumer_wait_ += time;
}

void BatchRing::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  for (Place& place : places_) {
    place = Place();  // what nobody will take goes back to the pools
  }
  depth_ = 0;
  room_.notify_all();
  ready_.notify_all();
}

uint64_t BatchRing::claimed() const {
  const std::lock_guard lock(mutex_);
  return claimed_;
}

uint64_t BatchRing::made() const {
  const std::lock_guard lock(mutex_);
  uint64_t number = taken_;
  while (number < claimed_ && places_[number % places_.size()].ready) {
    ++number;
  }
  return number;
}

uint64_t BatchRing::depth() const {
  const std::lock_guard lock(mutex_);
  return depth_;
}

std::chrono::nanoseconds BatchRing::worker_wait() const {
  const std::lock_guard lock(mutex_);
  return worker_wait_;
}

std::chrono::nanoseconds BatchRing::consumer_wait() const {
  const std::lock_guard lock(mutex_);
  return consumer_wait_;
}

}  // namespace headrace
