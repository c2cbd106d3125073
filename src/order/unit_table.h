#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace headrace {

// Runs of rows one after another, of any sizes, which a shard shuffle takes as its units: shards,
// files, arrays. 8 bytes a unit, shared by all epochs. Immutable.
class UnitTable {
 public:
  // Unit u has unit_rows[u] rows, perhaps none. Throws kInvalid for no rows at all, for 2^32 units
  // or more, and when the sum does not fit 64 bits.
  explicit UnitTable(std::span<const uint64_t> unit_rows);

  uint64_t units() const noexcept { return first_rows_.size() - 1; }
  uint64_t rows() const noexcept { return first_rows_.back(); }

  // The first row of `unit`, and how many it has. Requires: unit < units().
  uint64_t first_row(uint64_t unit) const noexcept { return first_rows_[unit]; }
  uint64_t rows_of(uint64_t unit) const noexcept {
    return first_rows_[unit + 1] - first_rows_[unit];
  }

  // A hash of all sizes: two tables with one digest have the same order.
  uint64_t digest() const noexcept { return digest_; }

 private:
  std::vector<uint64_t> first_rows_;  // of each unit, and the number of rows at the end
  uint64_t digest_;
};

using UnitTablePtr = std::shared_ptr<const UnitTable>;

}  // namespace headrace
