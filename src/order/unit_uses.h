#pragma once

#include <cstdint>
#include <vector>

#include "order/window_shuffle.h"

namespace headrace {

// When one unit of a window shuffle is needed: no row of it comes at a position before `begin`, or
// at `end` or later.
struct UnitUse {
  UnitLine::Unit unit;
  uint64_t begin;
  uint64_t end;
};

// The use of the unit at `place` of a lane, as positions of the epoch. O(window).
// Requires: place < shuffle.lane(lane).places().
UnitUse unit_use(const WindowShuffle& shuffle, uint64_t lane, uint64_t place) noexcept;

// At each of the positions first, first + stride, ... at most so many units are open that these
// draw on: the windows of the lanes that they fall into. Requires: stride > 0.
uint64_t open_units(const WindowShuffle& shuffle, uint64_t first, uint64_t stride) noexcept;

// The units that positions first, first + stride, ... draw on, in the order in which they enter:
// what one rank has to have at hand, and from when. Units that are open at the start come first,
// with the `begin` that they had; a unit that is cut between lanes comes once for each of these. A
// call takes O(window + log lanes).
//
// Whoever fetches units ahead walks one of these, and hands them back by UnitEnds
// (order/unit_schedule.h), which names each use once when it is over:
//
//   UnitUses coming(shuffle, batch.first, batch.stride);   // of the pass's first batch
//   UnitEnds over(shuffle, batch.first, batch.stride);
//   while (coming.peek() != nullptr && there is room for coming.peek()->unit) {
//     want(coming.peek()->unit.number, coming.peek()->begin);
//     coming.next();
//   }
//   while (const auto unit = over.next(oldest_batch.first)) { release(unit->number); }
//
// A unit that is cut may be wanted by another lane when it is released by one: count its uses. At
// one position no more than open_units() are open.
class UnitUses {
 public:
  // Requires: `shuffle` outlives it; stride > 0.
  UnitUses(const WindowShuffle& shuffle, uint64_t first, uint64_t stride);

  // The next use, or nothing after the last.
  const UnitUse* peek() const noexcept { return waiting_.empty() ? nullptr : &waiting_[0].use; }

  // Goes on to the use after that. Requires: peek() is not null.
  void next();

 private:
  // The next use of one lane.
  struct Waiting {
    UnitUse use;
    uint64_t lane;
    uint64_t place;
  };
  static bool later(const Waiting& a, const Waiting& b) noexcept;
  void push(uint64_t lane, uint64_t place);

  const WindowShuffle* shuffle_;
  std::vector<Waiting> waiting_;  // a heap, the first to enter on top
};

}  // namespace headrace
