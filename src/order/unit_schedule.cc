#include "order/unit_schedule.h"

#include <algorithm>

#include "base/checked.h"

namespace headrace {

UnitSchedule::UnitSchedule(const WindowShuffle& shuffle, uint64_t first, uint64_t stride,
                           uint64_t piece_rows)
    : uses_(shuffle, first, stride), window_(shuffle.lane(0).window()), piece_rows_(piece_rows) {}

// About as many positions as one unit takes to enter after the one before it.
uint64_t UnitSchedule::lead(const UnitUse& use) const noexcept {
  return use.unit.rows <= piece_rows_ ? 0 : (use.end - use.begin) / window_;
}

// The position where the next piece of a unit is due.
uint64_t UnitSchedule::due(const Coming& coming) const noexcept {
  const uint64_t left = (coming.use.unit.rows - 1 - coming.given) / piece_rows_;
  const uint64_t pieces = (coming.use.unit.rows - 1) / piece_rows_;
  const uint64_t before = left == 0 ? 0 : mul_div(lead(coming.use), left, pieces);
  return coming.use.begin - std::min(before, coming.use.begin);
}

// Takes up the units that come, and drops those that are over.
void UnitSchedule::look(uint64_t from, uint64_t position) {
  while (uses_.peek() != nullptr) {
    const UnitUse& use = *uses_.peek();
    if (use.begin - std::min(lead(use), use.begin) > position) {
      break;
    }
    coming_.push_back({.use = use});
    uses_.next();
  }
  std::erase_if(coming_, [from](const Coming& coming) { return coming.use.end <= from; });
}

std::optional<UnitSchedule::Piece> UnitSchedule::next(uint64_t from, uint64_t position) {
  look(from, position);
  const auto first =
      std::min_element(coming_.begin(), coming_.end(),
                       [this](const Coming& a, const Coming& b) { return due(a) < due(b); });
  if (first == coming_.end() || due(*first) > position) {
    return std::nullopt;
  }
  const UnitLine::Unit& unit = first->use.unit;
  const Piece piece{.first_row = unit.first_row + first->given,
                    .rows = std::min(piece_rows_, unit.rows - first->given)};
  first->given += piece.rows;
  if (first->given == unit.rows) {
    coming_.erase(first);
  }
  return piece;
}

uint64_t UnitSchedule::rows_due(uint64_t from, uint64_t position) {
  look(from, position);
  uint64_t rows = 0;
  for (Coming coming : coming_) {
    if (coming.use.begin <= position) {
      rows += coming.use.unit.rows - coming.given;
      continue;
    }
    while (coming.given < coming.use.unit.rows && due(coming) <= position) {
      const uint64_t piece = std::min(piece_rows_, coming.use.unit.rows - coming.given);
      coming.given += piece;
      rows += piece;
    }
  }
  return rows;
}

std::optional<UnitLine::Unit> UnitEnds::next(uint64_t position) {
  for (; uses_.peek() != nullptr && uses_.peek()->begin < position; uses_.next()) {
    open_.push_back(*uses_.peek());
    std::push_heap(open_.begin(), open_.end(), later);
  }
  if (open_.empty() || open_.front().end > position) {
    return std::nullopt;
  }
  std::pop_heap(open_.begin(), open_.end(), later);
  const UnitLine::Unit unit = open_.back().unit;
  open_.pop_back();
  return unit;
}

}  // namespace headrace
