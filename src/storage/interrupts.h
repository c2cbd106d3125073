#pragma once

#include <cerrno>

namespace headrace {

// Calls `call` (a system call: -1 and errno where it fails) again while signals interrupt it; after
// so many that something else must be wrong, the failure is returned like any other.
template <typename Call>
auto retry_interrupted(Call&& call) {
  constexpr int kMostInterrupts = 1000;
  auto result = call();
  for (int i = 0; result < 0 && errno == EINTR && i < kMostInterrupts; ++i) {
    result = call();
  }
  return result;
}

}  // namespace headrace
