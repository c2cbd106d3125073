#pragma once

#include <cstdint>
#include <string_view>

namespace headrace {

// MurmurHash3_x86_32 of Austin Appleby (SMHasher, public domain) with seed 0: the hash that
// scikit-learn's FeatureHasher and HashingVectorizer give features their columns by. The same on
// every machine.
uint32_t murmur3(std::string_view bytes) noexcept;

}  // namespace headrace
