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
      cut_sums_(window_ + 1) {
  for (uint64_t j = 1; j <= window_; ++j) {
    cut_sums_[j] = cut_sums_[j - 1] + cut(block_rows_, j);
  }
}

uint64_t WindowShuffle::unit_rows(uint64_t place) const noexcept {
  return place == tail_place_ ? tail_rows_ : block_rows_;
}

// Where slice `slice` of a block of `unit_rows` begins in the block's own order.
uint64_t WindowShuffle::cut(uint64_t unit_rows, uint64_t slice) const noexcept {
  return mul_div(unit_rows, slice, window_);
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
    begin = begin + cut(tail_rows_, given) - cut(block_rows_, given);
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
    const uint64_t size = unit_rows(place);
    const uint64_t first = cut(size, j);
    const uint64_t last = cut(size, j + 1);
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
  space.slices.clear();
  uint64_t offset = 0;
  for (const Part& part : space.parts) {
    const uint64_t unit = line_(part.place);
    space.slices.push_back(
        {offset, unit * block_rows_, part.first,
         Permutation(unit_rows(part.place), key_.derive(Purpose::kRowsOfUnit, unit))});
    offset += part.rows;
  }
}

void WindowShuffle::take(uint64_t first, uint64_t stride, std::span<uint64_t> out,
                         Workspace& space) const {
  uint64_t position = first;
  for (uint64_t& row : out) {
    if (position < space.begin || position >= space.end) {
      open_stage(stage_of(position), space);
    }
    const uint64_t place = space.mix(position - space.begin);
    const auto after = std::upper_bound(
        space.slices.begin(), space.slices.end(), place,
        [](uint64_t value, const Workspace::Slice& slice) { return value < slice.stage_offset; });
    const Workspace::Slice& slice = *(after - 1);
    row = slice.unit_row + slice.rows(slice.first + place - slice.stage_offset);
    position += stride;
  }
}

}  // namespace headrace
