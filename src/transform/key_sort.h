#pragma once

#include <cstdint>
#include <vector>

namespace headrace {

// Sorts `keys`, all of which are below 2^bits; `scratch` is memory for it. In linear time for keys
// that are spread evenly, as hashes are, and never worse than by comparison.
void sort_keys(std::vector<uint32_t>& keys, std::vector<uint32_t>& scratch, int bits);

}  // namespace headrace
