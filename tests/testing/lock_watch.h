#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace headrace {

// Sees whether things are dropped under a lock: while one of them is destroyed, another thread
// calls `use`, which takes the lock, too.
class LockWatch {
 public:
  explicit LockWatch(std::function<void()> use) : use_(std::move(use)) {}
  LockWatch(const LockWatch&) = delete;
  LockWatch& operator=(const LockWatch&) = delete;
  ~LockWatch() {
    for (std::thread& thread : threads_) {
      thread.join();
    }
  }

  // A share in `thing`, the last of which is watched. Requires: this outlives it.
  template <typename T>
  std::shared_ptr<T> watch(std::shared_ptr<T> thing) {
    T* const address = thing.get();
    return std::shared_ptr<T>(address, [this, thing](const auto* /*address*/) { look(); });
  }

  int dropped() const noexcept { return dropped_; }
  int dropped_locked() const noexcept { return dropped_locked_; }

 private:
  void look() {
    ++dropped_;
    std::promise<void> used;
    auto done = used.get_future();
    threads_.emplace_back([this, used = std::move(used)]() mutable {
      use_();
      used.set_value();
    });
    if (done.wait_for(std::chrono::seconds(2)) != std::future_status::ready) {
      ++dropped_locked_;
    }
  }

  std::function<void()> use_;
  std::vector<std::thread> threads_;
  std::atomic<int> dropped_{0};
  std::atomic<int> dropped_locked_{0};
};

}  // namespace headrace
