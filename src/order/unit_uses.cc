#include "order/unit_uses.h"

#include <algorithm>
#include <tuple>

namespace headrace {
namespace {

// Calls visit(lane, position) for each lane that positions first, first + stride, ... fall into,
// with the first position of the epoch that does.
template <typename Visit>
void for_each_lane(const WindowShuffle& shuffle, uint64_t first, uint64_t stride,
                   const Visit& visit) {
  const uint64_t period = shuffle.turns(stride).period;
  uint64_t position = first;
  for (uint64_t k = 0; k < period && position < shuffle.rows(); ++k, position += stride) {
    visit(position % shuffle.lanes(), position);
  }
}

}  // namespace

UnitUse unit_use(const WindowShuffle& shuffle, uint64_t lane, uint64_t place) noexcept {
  const Staircase& stairs = shuffle.lane(lane);
  // The last position of the lane before the end is that many positions of the epoch before it.
  const uint64_t last = stairs.end_position(place) - 1;
  return {.unit = stairs.slot(place).unit,
          .begin = stairs.first_position(place) * shuffle.lanes() + lane,
          .end = last * shuffle.lanes() + lane + 1};
}

uint64_t open_units(const WindowShuffle& shuffle, uint64_t first, uint64_t stride) noexcept {
  uint64_t open = 0;
  for_each_lane(shuffle, first, stride,
                [&](uint64_t lane, uint64_t /*position*/) { open += shuffle.lane(lane).window(); });
  return open;
}

UnitUses::UnitUses(const WindowShuffle& shuffle, uint64_t first, uint64_t stride)
    : shuffle_(&shuffle) {
  for_each_lane(shuffle, first, stride, [&](uint64_t lane, uint64_t position) {
    const Staircase& stairs = shuffle.lane(lane);
    push(lane, stairs.open_places(stairs.stage_of(position / shuffle.lanes())).first);
  });
}

bool UnitUses::later(const Waiting& a, const Waiting& b) noexcept {
  return std::tie(a.use.begin, a.lane) > std::tie(b.use.begin, b.lane);
}

void UnitUses::next() {
  std::pop_heap(waiting_.begin(), waiting_.end(), later);
  const auto [use, lane, place] = waiting_.back();
  waiting_.pop_back();
  push(lane, place + 1);
}

// Adds the use at `place` of a lane, or at the first place after it that has rows.
void UnitUses::push(uint64_t lane, uint64_t place) {
  const Staircase& stairs = shuffle_->lane(lane);
  while (place < stairs.places() && stairs.slot(place).rows == 0) {
    ++place;
  }
  if (place < stairs.places()) {
    waiting_.push_back({unit_use(*shuffle_, lane, place), lane, place});
    std::push_heap(waiting_.begin(), waiting_.end(), later);
  }
}

}  // namespace headrace
