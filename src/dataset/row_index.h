#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace headrace {

// Consecutive parts of known sizes: which part a row lies in, and where the part begins. Prefix
// sums with a table of buckets before them: a bounded search instead of a long one. Immutable.
class RowIndex {
 public:
  // Part k has counts[k] rows. Throws kInvalid when the sum does not fit 64 bits. Takes the memory
  // of `counts`, which room for one more keeps where it is. Requires: fewer than 2^32 parts.
  explicit RowIndex(std::vector<uint64_t> counts);

  uint64_t rows() const noexcept { return first_rows_.back(); }
  uint64_t parts() const noexcept { return first_rows_.size() - 1; }

  // The first row of `part`; rows() for part = parts().
  uint64_t first(uint64_t part) const noexcept { return first_rows_[part]; }

  // How many rows `part` has. Requires: part < parts().
  uint64_t count(uint64_t part) const noexcept { return first(part + 1) - first(part); }

  // The part that holds `row`. Requires: row < rows().
  uint64_t part_of(uint64_t row) const noexcept {
    if (first_part_.empty()) {
      return 0;
    }
    const uint64_t bucket = row >> shift_;
    const auto begin = first_rows_.begin() + 1 + first_part_[bucket];
    const auto end = first_rows_.begin() + 2 + first_part_[bucket + 1];
    return static_cast<uint64_t>(std::upper_bound(begin, end, row) - first_rows_.begin()) - 1;
  }

 private:
  std::vector<uint64_t> first_rows_;  // of each part, and the number of rows at the end
  // first_part_[row >> shift_] is the part of that row or one before it; none for a single part.
  std::vector<uint32_t> first_part_;
  int shift_ = 0;
};

}  // namespace headrace
