#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/error.h"
#include "storage/fetch_entry.h"

namespace headrace {

class FetchQueue;

// How a try failed.
struct FetchFailure {
  ErrorCode code = ErrorCode::kIo;
  bool retryable = true;
  std::chrono::milliseconds retry_after{0};  // as the store said; 0: it did not
};

// A range of an object that one thread fetches. One thread at a time. It may outlive the queue's
// owner, and may be dropped in a child of fork(). It does not keep the file: a request that has
// ended gives its room back, though a thread may still wait for the store.
class FetchJob {
 public:
  // Requires: `range` of `entry` was taken in this round. The lock of `queue` is held.
  FetchJob(std::shared_ptr<FetchQueue> queue, std::shared_ptr<FetchEntry> entry, size_t range);

  // Counts as a failed try if neither done() nor fail() was called.
  ~FetchJob();
  FetchJob(const FetchJob&) = delete;
  FetchJob& operator=(const FetchJob&) = delete;

  const FetchRequest& request() const noexcept { return request_; }

  // The range.
  uint64_t offset() const noexcept { return range_.offset; }
  uint64_t bytes() const noexcept { return range_.bytes; }
  bool is_whole() const noexcept { return range_.bytes == request_.bytes; }

  // Hands over bytes `offset` and on of the object, which follow those that were handed over
  // before. Throws kCancelled when nobody wants them any more; kCorrupt where the store has sent
  // more than was asked for, which is a failed try; kInvalid for another order; kIo.
  void write(uint64_t offset, std::span<const std::byte> data);

  // What is made takes `bytes`, and there is room for fewer: gives that back and asks for more. The
  // job has ended; another one of the object comes when there is room. Throws kCancelled. Requires:
  // request().made, bytes > this->bytes().
  void ask_for(uint64_t bytes);

  // All bytes were handed over. `version` is what the store calls this state of the object (its
  // ETag), or empty: ranges of different states are a failed try. Fewer bytes are one, too, but
  // of what is made. May check the whole object: takes its time. Throws kCancelled.
  void done(const std::string& version);

  // The try failed. URLs in `what` lose their secrets. Does nothing for a job that nobody wants.
  void fail(const std::string& what, const FetchFailure& how);

 private:
  friend class FetchQueue;

  void check_unfinished() const;

  std::shared_ptr<FetchQueue> queue_;
  std::shared_ptr<FetchEntry> entry_;  // under the queue's lock
  const size_t number_;
  const uint64_t round_;
  const FetchRequest request_;
  const FetchEntry::Range range_;
  uint64_t position_ = 0;  // bytes of the range that were handed over
  bool finished_ = false;
};

}  // namespace headrace
