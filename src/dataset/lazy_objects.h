#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "dataset/zeroed_array.h"

namespace headrace {

// Objects by number, of which each is made when it is first asked for, by whichever thread: each
// may make one, the first to publish its own wins, and the others drop theirs. 8 bytes each, where
// some of their page were made. Thread-safe without a lock, so that no fork finds one held.
template <typename T>
class LazyObjects {
 public:
  explicit LazyObjects(uint64_t size) : size_(size), objects_(size) {}
  ~LazyObjects() {
    for (uint64_t i = 0; i < size_; ++i) {
      delete objects_[i];
    }
  }
  LazyObjects(const LazyObjects&) = delete;
  LazyObjects& operator=(const LazyObjects&) = delete;

  uint64_t size() const noexcept { return size_; }

  // Object `i`, or nullptr before it was asked for. Requires: i < size().
  const T* made(uint64_t i) const noexcept {
    return std::atomic_ref(objects_[i]).load(std::memory_order_acquire);
  }

  // Object `i`: what `make`, which returns a std::unique_ptr<const T>, made of it first. Throws
  // what `make` throws; a later call then tries again. Requires: i < size().
  template <typename Make>
  const T& get(uint64_t i, Make&& make) const {
    if (const T* ready = made(i)) {
      return *ready;
    }
    std::unique_ptr<const T> fresh = std::forward<Make>(make)();
    const T* published = nullptr;
    if (std::atomic_ref(objects_[i])
            .compare_exchange_strong(published, fresh.get(), std::memory_order_acq_rel)) {
      return *fresh.release();
    }
    return *published;  // another thread was first
  }

 private:
  uint64_t size_;
  mutable ZeroedArray<const T*> objects_;
};

}  // namespace headrace
