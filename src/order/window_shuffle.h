#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "order/key.h"
#include "order/permutation.h"

namespace headrace {

// A shuffle of [0, rows) that keeps few blocks of rows open at once: a staircase.
//
// 1. The rows are cut into blocks of `block_rows` (the last may be shorter); a permutation lines
//    the blocks up.
// 2. Each block has a row permutation of its own and is cut, in that order, into S slices whose
//    sizes differ by at most 1.
// 3. Stage t takes slice j of block t - j of the line for j = 0 .. S - 1 and permutes all these
//    rows together.
//
// One block enters and one leaves per stage; at most S are open, and each is open once per epoch.
// The first and the last S - 1 stages mix fewer blocks. It is a bijection: every slice lies in
// exactly one stage, every row in one slice. Constant time and O(S) memory at any number of rows.
// Thread-safe: no state changes after construction.
class WindowShuffle {
 public:
  // What a window may hold: a workspace takes about 150 bytes for each block.
  static constexpr uint64_t kMaxWindow = 65536;

  // One block's part of a stage.
  struct Part {
    uint64_t place;  // of the block in the line
    uint64_t first;  // place in the block's own order
    uint64_t rows;
  };

  // What one caller used last, kept between calls to take(): a stage, and the row orders of the
  // blocks that are open in it, of which the next stage has all but one. Not shared between
  // threads; a workspace of another shuffle starts anew.
  struct Workspace {
    struct Unit {
      uint64_t place = UINT64_MAX;  // in the line
      uint64_t first_row = 0;
      Permutation rows{1, 0};
    };
    uint64_t shuffle = 0;           // identifies the WindowShuffle
    std::vector<Part> parts;        // of the stage
    std::vector<uint64_t> offsets;  // of each part's first row among the rows of the stage
    std::vector<Unit> units;        // the block at place k of the line is at k % window
    Permutation mix{1, 0};
    uint64_t begin = 0;  // positions of the stage
    uint64_t end = 0;
  };

  // Requires: rows > 0, block_rows > 0, window > 0. A window beyond the number of blocks is cut to
  // it.
  WindowShuffle(uint64_t rows, uint64_t block_rows, uint64_t window, OrderKey key);

  uint64_t rows() const noexcept { return rows_; }
  uint64_t block_rows() const noexcept { return block_rows_; }
  uint64_t window() const noexcept { return window_; }
  uint64_t stages() const noexcept { return units_ + window_ - 1; }

  // Rows at positions first, first + stride, ...: as many as `out` has room for.
  // Requires: stride > 0 and every position < rows().
  void take(uint64_t first, uint64_t stride, std::span<uint64_t> out, Workspace& space) const;

  uint64_t blocks() const noexcept { return units_; }

  // The rows of the block at `place` of the line. Requires: place < blocks().
  struct Block {
    uint64_t first_row;
    uint64_t rows;
  };
  Block block(uint64_t place) const noexcept;

  // The places in the line of the blocks that are open in `stage`: from `first` to before `end`.
  struct Places {
    uint64_t first;
    uint64_t end;
  };
  Places open_blocks(uint64_t stage) const noexcept;

  // The position where `stage` begins; stage_begin(stages()) == rows().
  uint64_t stage_begin(uint64_t stage) const noexcept;

  // The stage that `position` lies in. Requires: position < rows().
  uint64_t stage_of(uint64_t position) const noexcept;

  // The blocks that a stage draws from, in slice order; blocks without rows there are left out.
  void stage_parts(uint64_t stage, std::vector<Part>& parts) const;

 private:
  uint64_t unit_rows(uint64_t place) const noexcept;
  const std::vector<uint64_t>& cuts(uint64_t place) const noexcept;
  void open_stage(uint64_t stage, Workspace& space) const;
  uint64_t row_at(uint64_t place, const Workspace& space) const noexcept;

  uint64_t rows_;
  uint64_t block_rows_;
  uint64_t units_;
  uint64_t window_;
  OrderKey key_;
  Permutation line_;
  uint64_t tail_rows_;   // rows of the last block
  uint64_t tail_place_;  // where the last block stands in the line
  uint64_t id_;          // hash of all that defines the order
  // Where slice j begins in the order of a whole block and of the last one; window + 1 of each.
  std::vector<uint64_t> cuts_;
  std::vector<uint64_t> tail_cuts_;
  std::vector<uint64_t> cut_sums_;  // cut_sums_[j] = cuts_[0] + ... + cuts_[j]
};

}  // namespace headrace
