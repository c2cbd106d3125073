#include "storage/retry_policy.h"

#include <chrono>
#include <cstdint>

#include <gtest/gtest.h>

namespace headrace {
namespace {

using std::chrono::milliseconds;

TEST(RetryPolicy, DelaysDoubleUpToTheMost) {
  const RetryPolicy policy{.first_delay = milliseconds(100), .max_delay = milliseconds(1000)};
  const double last = 0.999999;
  EXPECT_NEAR(static_cast<double>(retry_delay(policy, 1, last).count()), 100e6, 1e3);
  EXPECT_NEAR(static_cast<double>(retry_delay(policy, 2, last).count()), 200e6, 1e3);
  EXPECT_NEAR(static_cast<double>(retry_delay(policy, 4, last).count()), 800e6, 1e3);
  EXPECT_NEAR(static_cast<double>(retry_delay(policy, 5, last).count()), 1000e6, 1e3);
  EXPECT_NEAR(static_cast<double>(retry_delay(policy, UINT32_MAX, last).count()), 1000e6, 1e3);
}

TEST(RetryPolicy, DelaysAreSpread) {
  const RetryPolicy policy;
  EXPECT_EQ(retry_delay(policy, 1, 0), milliseconds(50));
  EXPECT_EQ(retry_delay(policy, 1, 0.5), milliseconds(75));
}

TEST(RetryPolicy, LargeObjectsHaveMoreTime) {
  const RetryPolicy policy{.deadline = std::chrono::seconds(60), .least_bytes_per_second = 1000};
  EXPECT_EQ(time_allowed(policy, 0), std::chrono::seconds(60));
  EXPECT_EQ(time_allowed(policy, 10'000), std::chrono::seconds(70));
  EXPECT_EQ(time_allowed({.deadline = milliseconds(1500)}, 0), milliseconds(1500));
  EXPECT_GT(time_allowed(policy, UINT64_MAX), std::chrono::seconds(60));
  EXPECT_GT(time_allowed({.least_bytes_per_second = 0}, UINT64_MAX), std::chrono::seconds(60));
}

}  // namespace
}  // namespace headrace
