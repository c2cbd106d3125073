#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "order/unit_line.h"

namespace headrace {

// One lane of a window shuffle: rows [begin, end) of a line of units, in stages.
//
// 1. The lane has the places from the one that holds its first row of the line to the one that
//    holds its last. Of a unit that is cut between lanes it has a part; the others are whole.
// 2. S is the window, cut to the number of places. What the lane has of each unit is cut, in the
//    unit's own order, into S slices whose sizes differ by at most 1.
// 3. Stage t has slice j of the unit at place t - j for j = 0 .. S - 1.
//
// One unit enters and one leaves per stage, and every slice lies in exactly one stage. Places are
// counted in the lane, and so are positions: lanes share those of an epoch out among themselves
// (order/window_shuffle.h). Immutable; thread-safe.
class Staircase {
 public:
  // Requires: begin <= end <= line->rows(), window > 0.
  Staircase(std::shared_ptr<const UnitLine> line, uint64_t begin, uint64_t end, uint64_t window);

  uint64_t rows() const noexcept { return end_ - begin_; }
  uint64_t places() const noexcept { return places_; }
  uint64_t window() const noexcept { return window_; }
  uint64_t stages() const noexcept { return places_ == 0 ? 0 : places_ + window_ - 1; }

  // The unit at `place`, and which rows of its own order the lane has.
  struct Slot {
    UnitLine::Unit unit;
    uint64_t first;
    uint64_t rows;
  };
  // Requires: place < places().
  Slot slot(uint64_t place) const noexcept;

  // The places that are open in `stage`: from `first` to before `end`; at most window() of them.
  struct Places {
    uint64_t first;
    uint64_t end;
  };
  Places open_places(uint64_t stage) const noexcept;

  // The position where `stage` begins; stage_begin(stages()) == rows(). Constant time for blocks,
  // O(window) for units of a table.
  uint64_t stage_begin(uint64_t stage) const noexcept;

  // The stage that `position` lies in. Requires: position < rows().
  uint64_t stage_of(uint64_t position) const noexcept;

  // One unit's rows in a stage: places [first, first + rows) of its own order.
  struct Part {
    uint64_t place;
    uint64_t first;
    uint64_t rows;
  };

  // The parts that make up a stage, in slice order; those without rows are left out.
  void stage_parts(uint64_t stage, std::vector<Part>& parts) const;

  // No row of the unit at `place` comes before first_position or from end_position on.
  // Requires: place < places().
  uint64_t first_position(uint64_t place) const noexcept { return stage_begin(place); }
  uint64_t end_position(uint64_t place) const noexcept { return stage_begin(place + window_); }

 private:
  // The row of the lane where a place begins; place_begin(places_) == rows().
  uint64_t place_begin(uint64_t place) const noexcept;
  uint64_t slice_begin(uint64_t rows, uint64_t slice) const noexcept;
  uint64_t stage_begin_of_blocks(uint64_t stage) const noexcept;
  void stage_parts_of_blocks(uint64_t stage, std::vector<Part>& parts) const;

  std::shared_ptr<const UnitLine> line_;
  uint64_t begin_;
  uint64_t end_;
  uint64_t first_place_ = 0;  // in the line
  uint64_t places_ = 0;
  uint64_t window_;
  // Of a whole line of blocks: where slice j of a block begins, and of the tail; and cut_sums_[j] =
  // cuts_[0] + ... + cuts_[j].
  std::vector<uint64_t> cuts_;
  std::vector<uint64_t> tail_cuts_;
  std::vector<uint64_t> cut_sums_;
};

}  // namespace headrace
