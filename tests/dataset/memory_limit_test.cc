#include "dataset/memory_limit.h"

#include <cstdint>

#include <gtest/gtest.h>

#include "testing/errors.h"

namespace headrace {
namespace {

TEST(MemoryLimit, RefusesMoreThanThereIsAndSaysWhatToDo) {
  constexpr uint64_t kGiB = uint64_t{1} << 30;
  EXPECT_NO_THROW(check_memory(2 * kGiB, "rows", 2 * kGiB));
  expect_error(
      ErrorCode::kInvalid,
      {"column x: 8 rows need 2147483649 bytes (2.0 GiB), and 1.5 GiB", "batch_size", "csr"},
      [] { check_memory(2 * kGiB + 1, "column x: 8 rows", kGiB + kGiB / 2); });
}

TEST(MemoryLimit, LooksAtThisMachine) {
  EXPECT_NO_THROW(check_memory(kSmallRequest, "rows"));
  expect_error(ErrorCode::kInvalid, {"rows need"}, [] { check_memory(uint64_t{1} << 60, "rows"); });
}

}  // namespace
}  // namespace headrace
