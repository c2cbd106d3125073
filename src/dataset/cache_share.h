#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>

namespace headrace {

// The bytes of a cache that are this process's, which change when others come and go. To count them
// takes a lock of a file for each that may be there, so one thread does it once in a while; the
// others go on with what was counted before. Thread-safe; of no use to a child of fork().
class CacheShare {
 public:
  // `count` says how many bytes it is; that is believed for `age`.
  explicit CacheShare(std::function<uint64_t()> count,
                      std::chrono::milliseconds age = std::chrono::seconds(1))
      : count_(std::move(count)), age_(age) {}

  // Throws what `count` throws; a later call then counts again.
  uint64_t bytes();

 private:
  using Clock = std::chrono::steady_clock;

  const std::function<uint64_t()> count_;
  const std::chrono::milliseconds age_;
  std::mutex counting_;
  std::atomic<bool> is_known_{false};
  std::atomic<uint64_t> bytes_{0};
  std::atomic<Clock::rep> counted_until_{0};  // since the clock's epoch
};

}  // namespace headrace
