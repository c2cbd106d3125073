#pragma once

#include <cstdint>
#include <vector>

#include "order/permutation.h"
#include "order/unit_table.h"

namespace headrace {

// The units of a window shuffle in the order of one epoch: a line of rows, in which each unit
// stands at a place.
//
// Units are blocks of equal size but for the last, for which all is arithmetic, or those of a
// table, which takes running sums of 8 bytes a unit. Immutable; thread-safe.
class UnitLine {
 public:
  // Blocks of `block_rows` rows. Requires: rows > 0, block_rows > 0.
  UnitLine(uint64_t rows, uint64_t block_rows, uint64_t key);

  // The units of `table`, empty ones included.
  UnitLine(UnitTablePtr table, uint64_t key);

  uint64_t rows() const noexcept { return rows_; }
  uint64_t units() const noexcept { return units_; }

  // The row of the line where the unit at `place` begins; begin(units()) == rows().
  uint64_t begin(uint64_t place) const noexcept {
    if (table_ != nullptr) {
      return begins_[place];
    }
    return place * block_rows_ - (place > tail_place_ ? block_rows_ - tail_rows_ : 0);
  }

  // The place of the unit that holds `row` of the line. Requires: row < rows().
  uint64_t place_of(uint64_t row) const noexcept;

  // A unit as rows of the dataset.
  struct Unit {
    uint64_t number;
    uint64_t first_row;
    uint64_t rows;
  };
  // Requires: place < units().
  Unit unit(uint64_t place) const noexcept;

  // The rows of all units but one, and where that one stands; 0 of a table.
  uint64_t block_rows() const noexcept { return block_rows_; }
  uint64_t tail_rows() const noexcept { return tail_rows_; }
  uint64_t tail_place() const noexcept { return tail_place_; }

  // A hash of the sizes of the units.
  uint64_t digest() const noexcept;

 private:
  uint64_t rows_;
  uint64_t units_;
  Permutation line_;
  uint64_t block_rows_ = 0;  // 0 where there is a table
  uint64_t tail_rows_ = 0;   // of the last block
  uint64_t tail_place_ = 0;  // where the last block stands
  UnitTablePtr table_;
  std::vector<uint64_t> begins_;  // of each place of a table, and the rows at the end
};

}  // namespace headrace
