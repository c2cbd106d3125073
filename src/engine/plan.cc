#include "engine/plan.h"

#include <algorithm>

namespace headrace {
namespace {

// The smallest position >= from that is `rank` modulo `world_size`.
uint64_t first_of_rank(uint64_t from, uint64_t rank, uint64_t world_size) noexcept {
  const uint64_t at = from % world_size;
  return from + (rank >= at ? rank - at : world_size - at + rank);
}

}  // namespace

Plan::Plan(uint64_t rows, uint64_t start, const Split& split)
    : rows_(rows), start_(start), split_(split) {
  const uint64_t round = split.batch_size * split.world_size;
  full_rounds_ = (rows - start) / round;
  rounds_ = full_rounds_;
  const uint64_t tail_start = start + full_rounds_ * round;
  if (tail_start != rows && split.tail != Tail::kDrop) {
    const bool has_row = first_of_rank(tail_start, split.rank, split.world_size) < rows;
    rounds_ += has_row || split.tail == Tail::kRepeat ? 1 : 0;
  }
  batches_ = rounds_ / split.every + (rounds_ % split.every == 0 ? 0 : 1);
}

uint64_t Plan::position_after(uint64_t count) const noexcept {
  const uint64_t round = count * split_.every;
  if (round > full_rounds_ || (split_.every > 1 && round >= rounds_)) {
    return rows_;
  }
  return start_ + round * split_.batch_size * split_.world_size;
}

uint64_t Plan::begin_of(uint64_t number) const noexcept {
  if (number >= batches_) {
    return rows_;
  }
  return std::min(rows_, start_ + number * split_.every * split_.batch_size * split_.world_size);
}

bool Plan::complete() const noexcept {
  return split_.tail == Tail::kDrop || position_after(batches_) == rows_;
}

Plan::Batch Plan::batch(uint64_t number) const noexcept {
  const uint64_t round = number * split_.every;
  const uint64_t round_start = start_ + round * split_.batch_size * split_.world_size;
  const uint64_t first = first_of_rank(round_start, split_.rank, split_.world_size);
  if (round < full_rounds_) {
    return {first, split_.world_size, split_.batch_size, 0};
  }
  if (first >= rows_) {
    // Past the end: the epoch's first positions serve again, one for each rank that has none.
    return {(first - rows_) % rows_, split_.world_size, 1, 1};
  }
  return {first, split_.world_size, (rows_ - first - 1) / split_.world_size + 1, 0};
}

}  // namespace headrace
