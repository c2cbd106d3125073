#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <sys/types.h>
#include <utility>

#include "base/error.h"
#include "storage/fetch_entry.h"
#include "storage/fetch_job.h"
#include "storage/part_file.h"
#include "storage/retry_policy.h"

namespace headrace {

// What became of starting a request.
enum class FetchStep : uint8_t {
  kGranted,    // there is a file for its bytes
  kReady,      // it is there already
  kCheck,      // it is there, and has to be checked before it is used
  kElsewhere,  // somebody else fetches it: ask again
  kNoRoom,     // ask again, and start nothing that is used later
};

struct FetchStart {
  FetchStep step = FetchStep::kReady;
  // Of kGranted. It has room for all bytes; of what is made perhaps for fewer.
  std::shared_ptr<const PartFile> file = nullptr;
};

// What the queue asks of whoever keeps the objects. Called without a lock. What they throw ends
// the request, and its waiters throw it.
struct FetchHooks {
  // Called by one thread at a time. `urgent`: somebody waits for it.
  std::function<FetchStart(const FetchRequest& request, bool urgent)> start;
  // After kCheck. False: it has to be fetched after all.
  std::function<bool(const FetchRequest& request)> check;
  // All bytes are written: checks them and keeps the object. kCorrupt and kTruncated are a failed
  // try.
  std::function<void(const FetchRequest& request)> admit;
};

// Time and chance, as tests need them.
struct FetchClock {
  std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;
  std::function<double()> random = {};  // in [0, 1), by one thread at a time; a seeded one if empty
};

struct FetchOptions {
  uint64_t range_bytes = uint64_t{8} << 20;  // larger objects come in parts, at once
  RetryPolicy retry = {};
  FetchClock clock = {};
  std::string origin = {};  // URL of the store, for messages
};

struct FetchCounters {
  uint64_t requests = 0;  // that were begun to be fetched
  uint64_t completed = 0;
  uint64_t failed = 0;   // for good
  uint64_t retries = 0;  // tries that failed and were repeated
  uint64_t bytes = 0;    // that arrived, also in vain
};

// Objects that are wanted, in the order of their next use, between those who wait for them and
// those who fetch them, which are threads of somebody else. Requests are started in that order, and
// one that finds no room holds up those behind it; what was started is fetched by ranges, the same
// order first. Tries that fail are repeated as the policy says.
//
// Thread-safe. Of one process: in a child of fork() only jobs may be touched, by dropping them.
class FetchQueue : public std::enable_shared_from_this<FetchQueue> {
 public:
  // Requires: options.range_bytes > 0.
  static std::shared_ptr<FetchQueue> make(FetchHooks hooks, FetchOptions options);

  // Wants an object; where it is wanted already, changes only its next use. A failure of it is
  // forgotten, but for those who waited for it.
  void push(const FetchRequest& request);

  // Wants it no more: jobs of it throw kCancelled.
  void drop(uint64_t id);

  // There may be room now: asks at once for those that found none.
  void ask_again();

  // The next range to fetch; nothing after `timeout`. Throws kCancelled after close().
  std::unique_ptr<FetchJob> take(std::chrono::milliseconds timeout);

  // Waits for an object, for `timeout` at most; while no thread is free in take(), drives what
  // needs no download. False: it is not wanted (any more), since it is there. Throws what it failed
  // with; kCancelled after close(). Who waits in several calls says how many had failed before the
  // first one: he is told of a failure also if somebody has wanted the object anew meanwhile.
  bool wait(uint64_t id, std::chrono::milliseconds timeout, uint64_t failed_before = UINT64_MAX);

  // What a wanted object waits for, for messages; empty for others.
  std::string describe(uint64_t id) const;

  // Ends everything: all that wait wake and throw kCancelled, and so do jobs. Hooks that were
  // called may still run.
  void close() noexcept;

  FetchCounters counters() const;

  // Whether this is a child's copy of what belongs to its parent.
  bool is_foreign() const noexcept;

 private:
  friend class FetchJob;
  struct Failure {
    Error error;
    uint64_t number = 0;  // as counters_.failed counts
    bool forgotten = false;
  };
  using Lock = std::unique_lock<std::mutex>;
  using TimePoint = std::chrono::steady_clock::time_point;
  using EntryPtr = std::shared_ptr<FetchEntry>;

  FetchQueue(FetchHooks hooks, FetchOptions options);

  void check_open() const;
  std::unique_ptr<FetchJob> take_range();
  bool start_next(Lock& lock);
  void start(Lock& lock, const EntryPtr& entry);
  void apply(Lock& lock, const EntryPtr& entry, const FetchStart& started);
  void check(Lock& lock, const EntryPtr& entry);
  void admit(Lock& lock, const EntryPtr& entry);
  void sleep_until(Lock& lock, TimePoint until);
  void expire();
  void finish(const EntryPtr& entry, std::optional<Error> error);
  void retry(const EntryPtr& entry, const Error& error, const FetchFailure& how);
  Error final_error(const FetchEntry& entry, const Error& cause, bool late) const;

  void check_wanted(const FetchJob& job) const;
  std::shared_ptr<const PartFile> begin_write(const FetchJob& job);
  void end_write(const FetchJob& job, uint64_t bytes) noexcept;
  void range_done(const FetchJob& job, const std::string& version);
  void range_outgrown(const FetchJob& job, uint64_t bytes);
  void range_failed(const FetchJob& job, const Error& error, const FetchFailure& how);

  const FetchHooks hooks_;
  const FetchOptions options_;
  const pid_t process_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::pair<uint64_t, uint64_t>, EntryPtr> order_;  // by next use and id
  std::map<uint64_t, EntryPtr> entries_;                     // by id
  std::map<uint64_t, Failure> failures_;                     // until it is there, or dropped
  bool starting_ = false;
  uint32_t idle_takers_ = 0;  // threads that sleep in take()
  bool closed_ = false;
  FetchCounters counters_ = {};
};

}  // namespace headrace
