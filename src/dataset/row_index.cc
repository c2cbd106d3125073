#include "dataset/row_index.h"

#include <bit>
#include <utility>

#include "base/checked.h"

namespace headrace {

RowIndex::RowIndex(std::vector<uint64_t> counts) : first_rows_(std::move(counts)) {
  const uint64_t parts = first_rows_.size();
  first_rows_.push_back(0);
  uint64_t sum = 0;
  for (uint64_t& first : first_rows_) {
    const uint64_t count = std::exchange(first, sum);
    sum = checked_add(sum, count, "rows of a dataset");
  }
  if (parts < 2 || rows() == 0) {
    return;
  }
  // About two buckets a part.
  shift_ = std::max(0, static_cast<int>(std::bit_width(rows() - 1)) -
                           static_cast<int>(std::bit_width(parts)) - 1);
  const uint64_t buckets = ((rows() - 1) >> shift_) + 1;
  first_part_.resize(buckets + 1);
  uint32_t part = 0;
  for (uint64_t bucket = 0; bucket < buckets; ++bucket) {
    while (first_rows_[part + 1] <= bucket << shift_) {
      ++part;
    }
    first_part_[bucket] = part;
  }
  first_part_[buckets] = static_cast<uint32_t>(parts - 1);
}

}  // namespace headrace
