#include "order/window_shuffle.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

#include "base/hash.h"

namespace headrace {
namespace {

std::vector<Staircase> cut_into_lanes(const std::shared_ptr<const UnitLine>& line, uint64_t window,
                                      uint64_t lanes) {
  std::vector<Staircase> result;
  result.reserve(lanes);
  uint64_t begin = 0;
  for (uint64_t lane = 0; lane < lanes; ++lane) {
    const uint64_t rows = line->rows() / lanes + (lane < line->rows() % lanes ? 1 : 0);
    result.emplace_back(line, begin, begin + rows, window);
    begin += rows;
  }
  return result;
}

// Stage `stage` of a lane as a number of its own: a lane has fewer than 2^34 stages where there are
// several.
uint64_t stage_number(uint64_t lane, uint64_t stage) noexcept { return (lane << 40) + stage; }

// Makes the table of where to begin the search for a row's run: at most two entries for each run,
// and half a step from there on average, however uneven the runs are.
void index_runs(WindowShuffle::Workspace::Lane& space) {
  const uint64_t rows = space.runs.back().begin;
  const uint64_t runs = space.runs.size() - 1;
  space.shift = std::max(
      0, static_cast<int>(std::bit_width(rows - 1)) - static_cast<int>(std::bit_width(runs)));
  space.run_at.resize(((rows - 1) >> space.shift) + 1);
  uint32_t run = 0;
  for (uint64_t bucket = 0; bucket < space.run_at.size(); ++bucket) {
    while (space.runs[run + 1].begin <= bucket << space.shift) {
      ++run;
    }
    space.run_at[bucket] = run;
  }
}

// The row at a place among the rows of the open stage.
inline uint64_t row_at(uint64_t place, const WindowShuffle::Workspace::Lane& space) noexcept {
  const WindowShuffle::Workspace::Run* run = &space.runs[space.run_at[place >> space.shift]];
  while ((run + 1)->begin <= place) {
    ++run;
  }
  const WindowShuffle::Workspace::Unit& unit = space.units[run->unit];
  return unit.first_row + unit.rows(run->first + place - run->begin);
}

}  // namespace

WindowShuffle::WindowShuffle(uint64_t rows, uint64_t block_rows, uint64_t window, OrderKey key)
    : line_(std::make_shared<const UnitLine>(rows, block_rows, key.derive(Purpose::kUnits))),
      key_(key),
      lanes_(cut_into_lanes(line_, window, 1)),
      id_(hash_words({key.seed, key.epoch, line_->digest(), window, 0})) {}

WindowShuffle::WindowShuffle(UnitTablePtr units, uint64_t window, uint64_t lanes, OrderKey key)
    : line_(std::make_shared<const UnitLine>(std::move(units), key.derive(Purpose::kUnits))),
      key_(key),
      lanes_(cut_into_lanes(line_, window, lanes)),
      id_(hash_words({key.seed, key.epoch, line_->digest(), window, lanes})) {}

uint64_t WindowShuffle::open_units() const noexcept {
  uint64_t open = 0;
  for (const Staircase& lane : lanes_) {
    open += lane.places() == 0 ? 0 : lane.window();
  }
  return open;
}

WindowShuffle::Turns WindowShuffle::turns(uint64_t stride) const noexcept {
  const uint64_t common = std::gcd(stride, lanes());
  return {.period = lanes() / common, .step = stride / common};
}

void WindowShuffle::start(Workspace& space) const {
  if (space.shuffle != id_) {
    space = Workspace();
    space.shuffle = id_;
    space.lanes.resize(lanes());
  }
}

// Makes the stage of `position` the open one. The next stage is the likely one, and then it begins
// where the last one ended.
void WindowShuffle::open_stage(uint64_t lane, uint64_t position, Workspace::Lane& space) const {
  const Staircase& stairs = lanes_[lane];
  const uint64_t window = stairs.window();
  const bool follows = space.stage < stairs.stages() && position == space.end;
  uint64_t stage = follows ? space.stage + 1 : stairs.stage_of(position);
  const uint64_t begin = follows ? space.end : stairs.stage_begin(stage);
  stairs.stage_parts(stage, space.parts);
  while (space.parts.empty()) {  // small units give nothing to some stages
    stairs.stage_parts(++stage, space.parts);
  }
  space.stage = stage;
  space.begin = begin;
  space.units.resize(window);
  space.runs.clear();
  uint64_t rows = 0;
  for (const Staircase::Part& part : space.parts) {
    const uint64_t at = part.place % window;
    space.runs.push_back({.begin = rows, .first = part.first, .unit = at});
    rows += part.rows;
    if (space.units[at].place != part.place) {
      const UnitLine::Unit unit = stairs.slot(part.place).unit;
      space.units[at] = {part.place, unit.first_row,
                         Permutation(unit.rows, key_.derive(Purpose::kRowsOfUnit, unit.number))};
    }
  }
  space.runs.push_back({.begin = rows, .first = 0, .unit = 0});
  space.end = begin + rows;
  space.mix = Permutation(rows, key_.derive(Purpose::kRowsOfStage, stage_number(lane, stage)));
  index_runs(space);
}

void WindowShuffle::take_of_lane(uint64_t lane, uint64_t first, uint64_t stride,
                                 std::span<uint64_t> out, Workspace::Lane& space) const {
  uint64_t position = first;
  while (!out.empty()) {
    if (position < space.begin || position >= space.end) {
      open_stage(lane, position, space);
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

void WindowShuffle::take(uint64_t first, uint64_t stride, std::span<uint64_t> out,
                         Workspace& space) const {
  start(space);
  const Turns turn = turns(stride);
  if (turn.period == 1) {
    const uint64_t lane = first % lanes();
    take_of_lane(lane, first / lanes(), turn.step, out, space.lanes[lane]);
    return;
  }
  for (uint64_t k = 0; k < std::min<uint64_t>(turn.period, out.size()); ++k) {
    const uint64_t position = first + k * stride;
    const uint64_t lane = position % lanes();
    space.rows.resize((out.size() - k - 1) / turn.period + 1);
    take_of_lane(lane, position / lanes(), turn.step, space.rows, space.lanes[lane]);
    for (uint64_t i = 0; i < space.rows.size(); ++i) {
      out[k + i * turn.period] = space.rows[i];
    }
  }
}

}  // namespace headrace
