#include "storage/retry_policy.h"

#include <algorithm>
#include <cmath>

namespace headrace {

std::chrono::nanoseconds retry_delay(const RetryPolicy& policy, uint32_t failures,
                                     double random) noexcept {
  constexpr uint32_t kMostDoublings = 30;
  const double factor = std::ldexp(1.0, static_cast<int>(std::min(failures - 1, kMostDoublings)));
  const std::chrono::duration<double, std::milli> whole(
      std::min(static_cast<double>(policy.first_delay.count()) * factor,
               static_cast<double>(policy.max_delay.count())));
  return std::chrono::duration_cast<std::chrono::nanoseconds>(whole * (0.5 + random / 2));
}

std::chrono::nanoseconds time_allowed(const RetryPolicy& policy, uint64_t bytes) noexcept {
  constexpr uint64_t kMostSeconds = uint64_t{10} * 365 * 24 * 3600;
  const uint64_t transfer = bytes / std::max<uint64_t>(policy.least_bytes_per_second, 1);
  return policy.deadline + std::chrono::seconds(std::min(transfer, kMostSeconds));
}

}  // namespace headrace
