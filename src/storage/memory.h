#pragma once

#include <cstdint>
#include <string>

namespace headrace {

// Bytes of memory that this process could still use without pushing others out, cached pages of
// files counted as free: the kernel's MemAvailable, or what the cgroups of this process leave,
// whichever is less. Looks at files under `root`, which tests replace; what cannot be read there
// sets no limit.
uint64_t available_memory(const std::string& root = "");

}  // namespace headrace
