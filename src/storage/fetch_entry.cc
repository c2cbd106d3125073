#include "storage/fetch_entry.h"

#include <algorithm>
#include <utility>

namespace headrace {

void FetchEntry::begin(std::shared_ptr<const PartFile> part, uint64_t range_bytes) {
  file = std::move(part);
  ranges.clear();
  // An object without bytes is a range, too: somebody has to see that it is there.
  const uint64_t most = request.made ? request.bytes : range_bytes;
  for (uint64_t at = 0; at < request.bytes || ranges.empty(); at += ranges.back().bytes) {
    ranges.push_back({.offset = at, .bytes = std::min(most, request.bytes - at)});
  }
  phase = FetchPhase::kFetching;
}

std::optional<size_t> FetchEntry::take_range(TimePoint now) {
  if (phase != FetchPhase::kFetching || not_before > now) {
    return std::nullopt;
  }
  const auto found = std::ranges::find(ranges, Range::State::kPending, &Range::state);
  if (found == ranges.end()) {
    return std::nullopt;
  }
  found->state = Range::State::kTaken;
  return static_cast<size_t>(found - ranges.begin());
}

bool FetchEntry::complete(size_t range, const std::string& seen) {
  if (version.empty()) {
    version = seen;
  } else if (!seen.empty() && seen != version) {
    return false;
  }
  ranges[range].state = Range::State::kDone;
  return true;
}

bool FetchEntry::is_complete() const noexcept {
  return std::ranges::all_of(ranges,
                             [](const Range& range) { return range.state == Range::State::kDone; });
}

void FetchEntry::start_over() {
  ++round;
  version.clear();
  for (Range& range : ranges) {
    range.state = Range::State::kPending;
  }
  phase = FetchPhase::kFetching;
}

void FetchEntry::ask_for(uint64_t bytes) {
  request.bytes = bytes;
  request.outgrown = true;
  ++round;
  file.reset();
  ranges.clear();
  deadline.reset();
  phase = FetchPhase::kQueued;
}

std::optional<FetchEntry::TimePoint> FetchEntry::next_event(TimePoint now) const {
  std::optional<TimePoint> event = deadline;
  const bool idle = phase == FetchPhase::kQueued || phase == FetchPhase::kFetching;
  if (idle && not_before > now && (!event || not_before < *event)) {
    event = not_before;
  }
  return event;
}

std::string FetchEntry::describe() const {
  std::string text = request.name + " ";
  switch (phase) {
    case FetchPhase::kQueued:
    case FetchPhase::kStarting:
      text += "waits for " + waits_for;
      break;
    case FetchPhase::kChecking:
    case FetchPhase::kAdmitting:
      text += "is being checked";
      break;
    case FetchPhase::kFetching:
      text += request.made ? "is being made" : "is being fetched";
      break;
  }
  if (last_error) {
    text += ", after " + std::to_string(failures) + " failed " + (failures == 1 ? "try" : "tries") +
            ": " + last_error->what();
  }
  return text;
}

}  // namespace headrace
