#include "order/window_shuffle.h"

#include <algorithm>

#include "base/checked.h"

namespace headrace {

WindowShuffle::WindowShuffle(uint64_t rows, uint64_t block_rows, uint64_t window, OrderKey key)
    : rows_(rows),
      block_rows_(std::min(block_rows, rows)),
      units_((rows - 1) / block_rows_ + 1),
      window_(std::min(window, units_)),
      key_(key),
      line_(units_, key.derive(Purpose::kUnits)),
      tail_rows_(rows - (units_ - 1) * block_rows_),
      tail_place_(line_.inverse(units_ - 1)),
      id_(hash_words({key.seed, key.epoch, rows, block_rows, window})),
      cuts_(window_ + 1),
      tail_cuts_(window_ + 1),
      cut_sums_(window_ + 1) {
  for (uint64_t j = 0; j <= window_; ++j) {
    cuts_[j] = mul_div(block_rows_, j, window_);
    tail_cuts_[j] = mul_div(tail_rows_, j, window_);
    cut_sums_[j] = (j == 0 ? 0 : cut_sums_[j - 1]) + cuts_[j];
  }
}

uint64_t WindowShuffle::unit_rows(uint64_t place) const noexcept {
  return place == tail_place_ ? tail_rows_ : block_rows_;
}

const std::vector<uint64_t>& WindowShuffle::cuts(uint64_t place) const noexcept {
  return place == tail_place_ ? tail_cuts_ : cuts_;
}

WindowShuffle::Block WindowShuffle::block(uint64_t place) const noexcept {
  return {line_(place) * block_rows_, unit_rows(place)};
}

WindowShuffle::Places WindowShuffle::open_blocks(uint64_t stage) const noexcept {
  const uint64_t first = stage < window_ ? 0 : stage - window_ + 1;
  return {std::min(first, units_), std::min(stage + 1, units_)};
}

uint64_t WindowShuffle::stage_begin(uint64_t stage) const noexcept {
  if (stage == 0) {
    return 0;
  }
  // Before stage t the block at place k < min(t, units) has given its first min(t - k, S) slices.
  // Summed as if all blocks were whole: j = t - k runs from `low` to t; j >= S gives whole blocks,
  // the rest a range of cut_sums_.
  const uint64_t low = stage >= units_ ? stage - units_ + 1 : 1;
  uint64_t begin = 0;
  if (stage >= window_) {
    begin += (stage - std::max(low, window_) + 1) * block_rows_;
  }
  if (low < window_) {
    begin += cut_sums_[std::min(stage, window_ - 1)] - cut_sums_[low - 1];
  }
  if (stage > tail_place_) {
    const uint64_t given = std::min(stage - tail_place_, window_);
    begin = begin + tail_cuts_[given] - cuts_[given];
  }
  return begin;
}

uint64_t WindowShuffle::stage_of(uint64_t position) const noexcept {
  uint64_t low = 0;
  uint64_t high = stages();
  while (high - low > 1) {  // stage_begin(low) <= position < stage_begin(high)
    const uint64_t middle = low + (high - low) / 2;
    (stage_begin(middle) <= position ? low : high) = middle;
  }
  return low;
}

void WindowShuffle::stage_parts(uint64_t stage, std::vector<Part>& parts) const {
  parts.clear();
  for (uint64_t j = 0; j < window_ && j <= stage; ++j) {
    const uint64_t place = stage - j;
    if (place >= units_) {
      continue;
    }
    const uint64_t first = cuts(place)[j];
    const uint64_t last = cuts(place)[j + 1];
    if (first < last) {
      parts.push_back({place, first, last - first});
    }
  }
}

void WindowShuffle::open_stage(uint64_t stage, Workspace& space) const {
  space.begin = stage_begin(stage);
  space.end = stage_begin(stage + 1);
  space.mix = Permutation(std::max<uint64_t>(1, space.end - space.begin),
                          key_.derive(Purpose::kRowsOfStage, stage));
  stage_parts(stage, space.parts);
  space.units.resize(window_);
  space.offsets.clear();
  uint64_t offset = 0;
  for (const Part& part : space.parts) {
    space.offsets.push_back(offset);
    offset += part.rows;
    Workspace::Unit& unit = space.units[part.place % window_];
    if (unit.place != part.place) {
      const uint64_t number = line_(part.place);
      unit = {part.place, number * block_rows_,
              Permutation(unit_rows(part.place), key_.derive(Purpose::kRowsOfUnit, number))};
    }
  }
}

// The row at a place among the rows of the open stage.
uint64_t WindowShuffle::row_at(uint64_t place, const Workspace& space) const noexcept {
  // Parts differ by one row, but for the tail's: a guess is right or off by little.
  const uint64_t parts = space.parts.size();
  uint64_t number = std::min(parts - 1, place * parts / (space.end - space.begin));
  while (space.offsets[number] > place) {
    --number;
  }
  while (number + 1 < parts && space.offsets[number + 1] <= place) {
    ++number;
  }
  const Part& part = space.parts[number];
  const Workspace::Unit& unit = space.units[part.place % window_];
  return unit.first_row + unit.rows(part.first + place - space.offsets[number]);
}

void WindowShuffle::take(uint64_t first, uint64_t stride, std::span<uint64_t> out,
                         Workspace& space) const {
  if (space.shuffle != id_) {
    space = Workspace();
    space.shuffle = id_;
  }
  uint64_t position = first;
  while (!out.empty()) {
    if (position < space.begin || position >= space.end) {
      open_stage(stage_of(position), space);
    }
    const uint64_t here = (space.end - position - 1) / stride + 1;
    const std::span<uint64_t> rows = out.first(std::min<uint64_t>(here, out.size()));
    for (uint64_t& row : rows) {
      row = position - space.begin;
      position += stride;
    }
    space.mix.map(rows);
    for (uint64_t& row : rows) {
      row = row_at(row, space);
    }
    out = out.subspan(rows.size());
  }
}

}  // namespace headrace
