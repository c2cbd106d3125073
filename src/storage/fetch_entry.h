#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "storage/part_file.h"

namespace headrace {

// An object that is wanted from a store.
struct FetchRequest {
  uint64_t id = 0;        // the caller's number of it
  uint64_t next_use = 0;  // what is used first is fetched first
  uint64_t bytes = 0;     // it has exactly so many; of one that is made, at most
  uint64_t xxh3 = 0;      // XXH3-64 of them
  std::string name = {};  // below the store's URL; of one that is made, what messages call it
  bool made = false;      // whoever takes the job makes it, all of it, and knows its size then
  bool outgrown = false;  // it was made before, and `bytes` is what that took
};

enum class FetchPhase : uint8_t {
  kQueued,    // wants to be started
  kStarting,  // somebody asks for room
  kChecking,  // somebody checks what is there
  kFetching,  // ranges are fetched
  kAdmitting  // all have come; somebody checks them
};

// What a queue knows of one request. Not shared between threads without a lock.
class FetchEntry {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  struct Range {
    uint64_t offset = 0;
    uint64_t bytes = 0;
    enum class State : uint8_t { kPending, kTaken, kDone } state = State::kPending;
  };

  explicit FetchEntry(FetchRequest wanted) : request(std::move(wanted)) {}

  // Begins to fetch into `part`, in ranges of at most `range_bytes`; what is made is one range.
  // Requires: range_bytes > 0.
  void begin(std::shared_ptr<const PartFile> part, uint64_t range_bytes);

  // The number of a range that nobody has; it is taken then. Nothing before not_before.
  std::optional<size_t> take_range(TimePoint now);

  // A range has come, from the state `version` of the object; false where it is another state than
  // that of the ranges before it.
  bool complete(size_t range, const std::string& version);
  bool is_complete() const noexcept;

  void give_back(size_t range) noexcept { ranges[range].state = Range::State::kPending; }

  // Fetches all ranges again: jobs of earlier rounds are void.
  void start_over();

  // What was made has so many bytes. Requires: request.made, and its range was taken.
  void set_bytes(uint64_t bytes) noexcept { request.bytes = ranges[0].bytes = bytes; }

  // Gives the file back and is to be started again, with room for `bytes`.
  void ask_for(uint64_t bytes);

  // When something is to be done without a call from outside; nothing if never.
  std::optional<TimePoint> next_event(TimePoint now) const;

  bool is_late(TimePoint now) const noexcept { return deadline && now >= *deadline; }

  // What it waits for, for messages.
  std::string describe() const;

  FetchRequest request;
  FetchPhase phase = FetchPhase::kQueued;
  bool dropped = false;                    // nobody wants it, or it is there
  bool holds_up = false;                   // while it is queued, what is used later waits
  uint32_t waiters = 0;                    // threads that wait for it
  TimePoint not_before = {};               // of the next start or try
  std::optional<TimePoint> deadline = {};  // since somebody fetches it
  TimePoint begun = {};                    // when that was
  uint32_t failures = 0;                   // failed tries
  uint32_t wrong = 0;                      // of which the bytes were wrong
  uint64_t round = 0;                      // of fetching all ranges
  uint32_t writers = 0;                    // threads that are writing to `file`
  std::string version = {};                // of the object, in this round
  std::optional<Error> last_error = {};    // of a try
  std::string waits_for = "its turn";      // while it is queued
  std::shared_ptr<const PartFile> file = nullptr;
  std::vector<Range> ranges = {};
};

}  // namespace headrace
