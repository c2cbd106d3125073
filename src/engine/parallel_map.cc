#include "engine/parallel_map.h"

#include <algorithm>
#include <pthread.h>
#include <string>
#include <system_error>
#include <unistd.h>
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
  if (is_forked()) {
    // The threads stayed in the parent, perhaps holding the lock.
    static_cast<void>(crew_.release());
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  crew_->room.notify_all();
  for (std::thread& thread : crew_->threads) {
    thread.join();
  }
}

bool ParallelMap::is_forked() const noexcept { return process_ != 0 && process_ != getpid(); }

void ParallelMap::start() {
  process_ = getpid();
  const SignalsBlocked blocked;
  const uint64_t threads =
      options_.growing ? options_.threads : std::min(options_.threads, options_.items);
  for (uint64_t i = 0; i < threads; ++i) {
    try {
      crew_->threads.emplace_back([this, i] { run(i); });
      pthread_setname_np(crew_->threads.back().native_handle(), "headrace-map");
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
    crew_->room.wait(lock, [this] {
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
      crew_->ready.notify_one();
    }
  }
}

void ParallelMap::extend(uint64_t items) {
  if (is_forked()) {
    return;  // next() says so
  }
  {
    const std::lock_guard lock(mutex_);
    options_.items += items;
  }
  crew_->room.notify_all();
}

std::optional<uint64_t> ParallelMap::next(const std::function<void()>& poll) {
  if (taken_ == options_.items) {
    return std::nullopt;
  }
  if (is_forked()) {
    throw Error(ErrorCode::kCancelled,
                "these results are made by threads of the process that this one was forked from; "
                "ask for them anew in this one");
  }
  if (crew_->threads.empty()) {
    start();
  }
  poll();
  std::unique_lock lock(mutex_);
  if (released_ != taken_) {
    released_ = taken_;
    const uint64_t room = places_.size() - (claimed_ - released_);
    if (room >= std::max<uint64_t>(1, places_.size() / kRoomShare)) {
      crew_->room.notify_one();
    }
  }
  Place& place = places_[taken_ % places_.size()];
  if (!place.ready) {
    crew_->ready.wait_for(lock, kNap);
  }
  waiting_ = true;
  while (!crew_->ready.wait_for(lock, kPollEvery, [&] { return place.ready; })) {
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
