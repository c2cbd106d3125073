#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "transform/murmur3.h"
#include "transform/tokens.h"

namespace headrace {

// How many tokens an n-gram has. Requires: 1 <= least <= most.
struct NgramRange {
  uint64_t least = 1;
  uint64_t most = 1;
};

// How often hash_ngrams() calls `take` at most.
inline uint64_t most_ngrams(const TokenBuffer& buffer, size_t starts, NgramRange range) noexcept {
  const uint64_t longest = std::min<uint64_t>(range.most, buffer.tokens().size());
  return longest < range.least ? 0 : starts * (longest - range.least + 1);
}

// Calls take(hash) for every n-gram of the tokens in `buffer` that begins with one of the first
// `starts`, in no particular order.
template <typename Take>
void hash_ngrams(const TokenBuffer& buffer, size_t starts, NgramRange range, Take&& take) {
  const Token* const tokens = buffer.tokens().data();
  const size_t count = buffer.tokens().size();
  const char* const text = buffer.text();
  for (size_t first = 0; first < starts; ++first) {
    Murmur3Prefixes prefixes(text + tokens[first].begin);
    const size_t behind =
        first + static_cast<size_t>(std::min<uint64_t>(range.most, count - first));
    for (size_t last = first + static_cast<size_t>(range.least) - 1; last < behind; ++last) {
      take(prefixes.to(text + tokens[last].end));
    }
  }
}

}  // namespace headrace
