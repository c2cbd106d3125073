#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "order/key.h"
#include "order/permutation.h"
#include "order/staircase.h"
#include "order/unit_line.h"

namespace headrace {

// A shuffle of [0, rows) that keeps few units open at once: blocks of rows, or shards.
//
// 1. A permutation lines the units up, and the line is cut by rows into L equal lanes. Position p
//    of the epoch is position p / L of lane p mod L, so that the lengths of lanes differ by at most
//    1. A unit that is cut between lanes belongs in part to each.
// 2. Each unit has a row permutation of its own; a lane is a staircase of slices of its units
//    (order/staircase.h), in stages.
// 3. All rows of a stage are permuted together.
//
// Each unit is open once per epoch, but for the at most L - 1 that are cut; the first and the last
// stages of a lane mix fewer units. It is a bijection: positions share out the lanes, stages a
// lane, slices the stages and the rows of a unit. Memory and time to start are O(1) for blocks and
// O(units) for units of a table. Thread-safe: no state changes after construction.
class WindowShuffle {
 public:
  // What the windows of all lanes may hold together, and how many lanes there may be: a workspace
  // takes about 150 bytes for each unit that is open.
  static constexpr uint64_t kMaxWindow = 65536;

  // What one caller used last, kept between calls to take(): of each lane a stage, and the row
  // orders of the units that are open in it, of which the next stage has all but one. Not shared
  // between threads; a workspace of another shuffle starts anew.
  struct Workspace {
    struct Unit {
      uint64_t place = UINT64_MAX;
      uint64_t first_row = 0;
      Permutation rows{1, 0};
    };
    // A part of the stage: rows from `begin` on, which are those from `first` on in the order of a
    // unit.
    struct Run {
      uint64_t begin;
      uint64_t first;
      uint64_t unit;
    };
    struct Lane {
      uint64_t stage = UINT64_MAX;
      uint64_t begin = 0;  // positions of the stage
      uint64_t end = 0;
      Permutation mix{1, 0};
      std::vector<Staircase::Part> parts;  // of the stage
      std::vector<Run> runs;               // the same, and the end of the stage
      std::vector<uint32_t> run_at;        // the run that row b << shift of the stage lies in
      int shift = 0;
      std::vector<Unit> units;  // the unit at place k is at k % window
    };
    uint64_t shuffle = 0;  // identifies the WindowShuffle
    std::vector<Lane> lanes;
    std::vector<uint64_t> rows;  // of one lane, before they are dealt
  };

  // Blocks of `block_rows` rows, the last perhaps shorter, in one lane. A window beyond the number
  // of blocks is cut to it. Requires: rows > 0, block_rows > 0, window > 0.
  WindowShuffle(uint64_t rows, uint64_t block_rows, uint64_t window, OrderKey key);

  // The units of a table. In each lane a window beyond its units is cut to them.
  // Requires: window > 0, 0 < lanes <= kMaxWindow.
  WindowShuffle(UnitTablePtr units, uint64_t window, uint64_t lanes, OrderKey key);

  uint64_t rows() const noexcept { return line_->rows(); }
  uint64_t units() const noexcept { return line_->units(); }

  // Number `lane` of the staircases. Its position i is position i * lanes() + lane of the epoch.
  const Staircase& lane(uint64_t lane) const noexcept { return lanes_[lane]; }
  uint64_t lanes() const noexcept { return lanes_.size(); }

  // How many units are open at once in all lanes together.
  uint64_t open_units() const noexcept;

  // Rows at positions first, first + stride, ...: as many as `out` has room for.
  // Requires: stride > 0 and every position < rows().
  void take(uint64_t first, uint64_t stride, std::span<uint64_t> out, Workspace& space) const;

  // How positions first, first + stride, ... fall into lanes: position i of them for i = k, k +
  // period, ... lies in one lane, `step` positions of the lane apart.
  struct Turns {
    uint64_t period;
    uint64_t step;
  };
  Turns turns(uint64_t stride) const noexcept;

 private:
  void start(Workspace& space) const;
  void take_of_lane(uint64_t lane, uint64_t first, uint64_t stride, std::span<uint64_t> out,
                    Workspace::Lane& space) const;
  void open_stage(uint64_t lane, uint64_t position, Workspace::Lane& space) const;

  std::shared_ptr<const UnitLine> line_;
  OrderKey key_;
  std::vector<Staircase> lanes_;
  uint64_t id_;  // hash of all that defines the order
};

}  // namespace headrace
