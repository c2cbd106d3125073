#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "order/unit_uses.h"

namespace headrace {

// When the units of a window shuffle are to be got ready for one rank, a piece at a time.
//
// A unit of one piece is due when the first position comes at which a row of it may be. Of a larger
// one the last piece is due then, and the others before it, evenly spread over about the time that
// a unit takes to be used up: so what is asked for ahead is bounded, and its rate is even.
class UnitSchedule {
 public:
  // Rows [first_row, first_row + rows) of the dataset.
  struct Piece {
    uint64_t first_row;
    uint64_t rows;
  };

  // For positions first, first + stride, ... Requires: `shuffle` outlives it; stride > 0,
  // piece_rows > 0.
  UnitSchedule(const WindowShuffle& shuffle, uint64_t first, uint64_t stride, uint64_t piece_rows);

  // The next piece that is due when `position` comes, or nothing. Units that are over before `from`
  // are passed by. Requires: neither argument is less than in a call before.
  std::optional<Piece> next(uint64_t from, uint64_t position);

  // How many rows next() would give.
  uint64_t rows_due(uint64_t from, uint64_t position);

 private:
  struct Coming {
    UnitUse use;
    uint64_t given = 0;  // rows
  };
  uint64_t lead(const UnitUse& use) const noexcept;
  uint64_t due(const Coming& coming) const noexcept;
  void look(uint64_t from, uint64_t position);

  UnitUses uses_;
  uint64_t window_;
  uint64_t piece_rows_;
  std::vector<Coming> coming_;  // those of which a piece may be due, as they enter
};

// The same units as they go: when no further position has a row of them.
class UnitEnds {
 public:
  // Requires: as UnitSchedule.
  UnitEnds(const WindowShuffle& shuffle, uint64_t first, uint64_t stride)
      : uses_(shuffle, first, stride) {}

  // The next unit that is over when `position` comes, or nothing.
  std::optional<UnitLine::Unit> next(uint64_t position);

 private:
  static bool later(const UnitUse& a, const UnitUse& b) noexcept { return a.end > b.end; }

  UnitUses uses_;
  std::vector<UnitUse> open_;  // a heap, the first to end on top
};

}  // namespace headrace
