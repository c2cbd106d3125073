#pragma once

#include <chrono>
#include <cstdint>

namespace headrace {

// When a download that failed is tried again.
struct RetryPolicy {
  // Before the second try; doubled for each further one, up to the most.
  std::chrono::milliseconds first_delay{100};
  std::chrono::milliseconds max_delay{10'000};

  // A request has this long, and as much longer as its bytes take at the least rate that is
  // put up with.
  std::chrono::milliseconds deadline{120'000};
  uint64_t least_bytes_per_second = uint64_t{1} << 20;

  // What is wrong so often as it arrives is wrong where it lies.
  uint32_t max_wrong = 4;
};

// The delay after `failures` failed tries: between half and the whole of what the policy says, by
// `random` in [0, 1), so that those who failed together do not come back together. Requires:
// failures > 0.
std::chrono::nanoseconds retry_delay(const RetryPolicy& policy, uint32_t failures,
                                     double random) noexcept;

// How long a request of `bytes` bytes has, from its start.
std::chrono::nanoseconds time_allowed(const RetryPolicy& policy, uint64_t bytes) noexcept;

}  // namespace headrace
