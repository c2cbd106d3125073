#include "order/staircase.h"

#include <algorithm>
#include <utility>

#include "base/checked.h"

namespace headrace {

Staircase::Staircase(std::shared_ptr<const UnitLine> line, uint64_t begin, uint64_t end,
                     uint64_t window)
    : line_(std::move(line)), begin_(begin), end_(end), window_(window) {
  if (begin == end) {
    return;
  }
  first_place_ = line_->place_of(begin);
  places_ = line_->place_of(end - 1) + 1 - first_place_;
  window_ = std::min(window, places_);
  if (line_->block_rows() == 0 || rows() != line_->rows()) {
    return;
  }
  for (uint64_t j = 0; j <= window_; ++j) {
    cuts_.push_back(slice_begin(line_->block_rows(), j));
    tail_cuts_.push_back(slice_begin(line_->tail_rows(), j));
    cut_sums_.push_back((j == 0 ? 0 : cut_sums_.back()) + cuts_.back());
  }
}

uint64_t Staircase::place_begin(uint64_t place) const noexcept {
  return std::clamp(line_->begin(first_place_ + place), begin_, end_) - begin_;
}

uint64_t Staircase::slice_begin(uint64_t rows, uint64_t slice) const noexcept {
  return mul_div(rows, slice, window_);
}

Staircase::Slot Staircase::slot(uint64_t place) const noexcept {
  const uint64_t begin = place_begin(place);
  return {.unit = line_->unit(first_place_ + place),
          .first = begin_ + begin - line_->begin(first_place_ + place),
          .rows = place_begin(place + 1) - begin};
}

Staircase::Places Staircase::open_places(uint64_t stage) const noexcept {
  const uint64_t first = stage < window_ ? 0 : stage - window_ + 1;
  return {std::min(first, places_), std::min(stage + 1, places_)};
}

uint64_t Staircase::stage_begin(uint64_t stage) const noexcept {
  if (!cuts_.empty()) {
    return stage_begin_of_blocks(stage);
  }
  // Before stage t the unit at place k < t has given its first min(t - k, S) slices.
  const uint64_t whole = stage < window_ ? 0 : std::min(stage - window_ + 1, places_);
  uint64_t from = place_begin(whole);
  uint64_t begin = from;
  for (uint64_t place = whole; place < std::min(stage, places_); ++place) {
    const uint64_t to = place_begin(place + 1);
    begin += slice_begin(to - from, stage - place);
    from = to;
  }
  return begin;
}

// Summed as if all blocks were whole: j = t - k runs from `low` to t; j >= S gives whole blocks,
// the rest a range of cut_sums_.
uint64_t Staircase::stage_begin_of_blocks(uint64_t stage) const noexcept {
  if (stage == 0) {
    return 0;
  }
  const uint64_t low = stage >= places_ ? stage - places_ + 1 : 1;
  uint64_t begin = 0;
  if (stage >= window_) {
    begin += (stage - std::max(low, window_) + 1) * line_->block_rows();
  }
  if (low < window_) {
    begin += cut_sums_[std::min(stage, window_ - 1)] - cut_sums_[low - 1];
  }
  if (stage > line_->tail_place()) {
    const uint64_t given = std::min(stage - line_->tail_place(), window_);
    begin = begin + tail_cuts_[given] - cuts_[given];
  }
  return begin;
}

uint64_t Staircase::stage_of(uint64_t position) const noexcept {
  // All units before a stage's own have begun when it begins, and all that left before it are over.
  uint64_t low = line_->place_of(begin_ + position) - first_place_;
  uint64_t high = std::min(stages(), low + window_);
  while (high - low > 1) {  // stage_begin(low) <= position < stage_begin(high)
    const uint64_t middle = low + (high - low) / 2;
    (stage_begin(middle) <= position ? low : high) = middle;
  }
  return low;
}

void Staircase::stage_parts(uint64_t stage, std::vector<Part>& parts) const {
  parts.clear();
  if (!cuts_.empty()) {
    stage_parts_of_blocks(stage, parts);
    return;
  }
  const Places open = open_places(stage);
  for (uint64_t place = open.end; place-- > open.first;) {
    const uint64_t begin = place_begin(place);
    const uint64_t rows = place_begin(place + 1) - begin;
    const uint64_t first = slice_begin(rows, stage - place);
    const uint64_t last = slice_begin(rows, stage - place + 1);
    if (first < last) {
      const uint64_t skipped = begin_ + begin - line_->begin(first_place_ + place);
      parts.push_back({place, skipped + first, last - first});
    }
  }
}

// A stage may have as many parts as rows: no division here.
void Staircase::stage_parts_of_blocks(uint64_t stage, std::vector<Part>& parts) const {
  const Places open = open_places(stage);
  for (uint64_t place = open.end; place-- > open.first;) {
    const std::vector<uint64_t>& cuts = place == line_->tail_place() ? tail_cuts_ : cuts_;
    const uint64_t first = cuts[stage - place];
    const uint64_t last = cuts[stage - place + 1];
    if (first < last) {
      parts.push_back({place, first, last - first});
    }
  }
}

}  // namespace headrace
