#include "engine/parallel_map.h"

#include <algorithm>
#include <pthread.h>
#include <string>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "engine/signals_blocked.h"

namespace headrace {
namespace {

constexpr std::chrono::milliseconds kPollEvery{50};

// To wake a thread costs some microseconds, as much as a small item. So a consumer who is ahead
// naps once, in which time several small items become ready, before it wants to be told; and a
// thread that found no room is woken when there is room for several items.
constexpr std::chrono::microseconds kNap{50};
constexpr uint64_t kRoomShare = 8;

}  // namespace

ParallelMap::ParallelMap(const Options& options, Work work)
    : options_(options), work_(std::move(work)), places_(options.places) {}

ParallelMap::~ParallelMap() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  room_.notify_all();
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

void ParallelMap::start() {
  const SignalsBlocked blocked;
  const uint64_t threads =
      options_.growing ? options_.threads : std::min(options_.threads, options_.items);
  for (uint64_t i = 0; i < threads; ++i) {
    try {
      threads_.emplace_back([this, i] { run(i); });
      pthread_setname_np(threads_.back().native_handle(), "headrace-map");
    } catch (const std::system_error& error) {
      if (i == 0) {
        throw Error(ErrorCode::kIo, std::string("no thread could be started: ") + error.what());
      }
      break;  // fewer threads than asked for give the same results
    }
  }
}

void ParallelMap::run(uint64_t thread) {
  std::unique_lock lock(mutex_);
  for (;;) {
    room_.wait(lock, [this] {
      const bool none_left = claimed_ == options_.items;
      return closed_ || (none_left ? !options_.growing : claimed_ - released_ < places_.size());
    });
    if (closed_ || claimed_ == options_.items) {
      return;
    }
    const uint64_t item = claimed_++;
    Place& place = places_[item % places_.size()];
    lock.unlock();
    std::exception_ptr error;
    try {
      work_(item, item % places_.size(), thread);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    place.error = std::move(error);
    place.ready = true;
    if (waiting_ && item == taken_) {
      ready_.notify_one();
    }
  }
}

void ParallelMap::extend(uint64_t items) {
  {
    const std::lock_guard lock(mutex_);
    options_.items += items;
  }
  room_.notify_all();
}

std::optional<uint64_t> ParallelMap::next(const std::function<void()>& poll) {
  if (taken_ == options_.items) {
    return std::nullopt;
  }
  if (threads_.empty()) {
    start();
  }
  poll();
  std::unique_lock lock(mutex_);
  if (released_ != taken_) {
    released_ = taken_;
    const uint64_t room = places_.size() - (claimed_ - released_);
    if (room >= std::max<uint64_t>(1, places_.size() / kRoomShare)) {
      room_.notify_one();
    }
  }
  Place& place = places_[taken_ % places_.size()];
  if (!place.ready) {
    ready_.wait_for(lock, kNap);
  }
  waiting_ = true;
  while (!ready_.wait_for(lock, kPollEvery, [&] { return place.ready; })) {
    lock.unlock();
    poll();
    lock.lock();
  }
  waiting_ = false;
  place.ready = false;
  const uint64_t taken = taken_++;
  if (const std::exception_ptr error = std::exchange(place.error, nullptr)) {
    lock.unlock();
    std::rethrow_exception(error);
  }
  return taken % places_.size();
}

}  // namespace headrace
