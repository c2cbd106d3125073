#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "transform/murmur3.h"

namespace headrace {

// Words that are left out, as bytes of UTF-8.
class StopWords {
 public:
  StopWords() = default;
  explicit StopWords(const std::vector<std::string>& words) : words_(words.begin(), words.end()) {}

  bool empty() const noexcept { return words_.empty(); }
  bool contains(std::string_view word) const { return words_.find(word) != words_.end(); }

 private:
  // Finds by string_view what is kept as string.
  struct Hash {
    using is_transparent = void;  // NOLINT(readability-identifier-naming): the standard's name
    size_t operator()(std::string_view word) const noexcept { return murmur3(word); }
  };

  std::unordered_set<std::string, Hash, std::equal_to<>> words_;
};

}  // namespace headrace
