#pragma once

#include <cstdint>
#include <string>

namespace headrace {

// Requests below this are never looked at: looking costs as much as filling a megabyte.
inline constexpr uint64_t kSmallRequest = uint64_t{256} << 20;

// Throws kInvalid when `bytes` bytes are more than available_memory(): what is wanted, what there
// is, and what to do. To be called before they are allocated, since the kernel promises memory that
// it does not have and ends the process that uses it. `what` begins the message: "column x: 1024
// dense rows".
void check_memory(uint64_t bytes, const std::string& what);

// The same for memory of which `available` bytes are left.
void check_memory(uint64_t bytes, const std::string& what, uint64_t available);

}  // namespace headrace
