#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <sys/types.h>
#include <thread>
#include <vector>

namespace headrace {

// Numbered items that threads work on in any order, and a consumer who takes them in order. What an
// item gives lies with the caller, in one of `places` places: an item has a place from when its
// work begins until the consumer asks for the item behind it, so that memory is bounded and reused.
//
// For items of ten microseconds and more, such as files. Threads start at the first next().
class ParallelMap {
 public:
  struct Options {
    uint64_t items = 0;
    uint64_t threads = 1;  // the consumer is none of them
    uint64_t places = 2;   // at least one more than threads keeps them busy
    bool growing = false;  // whether extend() may add items: threads then wait for more
  };

  // Works on `item`, whose result goes to `place`, in thread number `thread` (< threads), which has
  // one at a time. What it throws, next() throws in the item's turn.
  using Work = std::function<void(uint64_t item, uint64_t place, uint64_t thread)>;

  // Requires: threads > 0; places > 0.
  ParallelMap(const Options& options, Work work);

  // Waits for the item that is begun by each thread; those behind them are never worked on. A
  // process that was forked from the one that started the threads waits for nothing.
  ~ParallelMap();

  ParallelMap(const ParallelMap&) = delete;
  ParallelMap& operator=(const ParallelMap&) = delete;

  // Adds items behind those that there are. For the thread of next(). Requires: growing.
  void extend(uint64_t items);

  // The place of the next item, which is the consumer's until the next call; nothing behind the
  // last of those that there are. Calls `poll` before it waits and every 50 ms while it does; what
  // it throws ends the call and loses nothing. Throws what the work of the item threw; the items
  // behind it can still be asked for. Throws kIo if no thread can be started; kCancelled in a
  // process that was forked after they were. For one thread at a time.
  std::optional<uint64_t> next(const std::function<void()>& poll);

 private:
  struct Place {
    bool ready = false;
    std::exception_ptr error;
  };

  // What a forked child must leave as it is: threads that are not there, and what they waited for.
  struct Crew {
    std::condition_variable room;
    std::condition_variable ready;
    std::vector<std::thread> threads;
  };

  void start();
  void run(uint64_t thread);
  bool is_forked() const noexcept;

  Options options_;
  Work work_;
  std::mutex mutex_;
  std::unique_ptr<Crew> crew_ = std::make_unique<Crew>();
  pid_t process_ = 0;          // that started the threads; 0 before
  std::vector<Place> places_;  // item n is at n % places
  uint64_t claimed_ = 0;
  uint64_t taken_ = 0;     // items whose place next() has given away
  uint64_t released_ = 0;  // items whose place may be used again
  bool closed_ = false;
  bool waiting_ = false;  // the consumer wants to be told that its item is ready
};

}  // namespace headrace
