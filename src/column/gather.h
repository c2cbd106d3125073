#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "column/elementwise.h"

namespace headrace {

// A stretch of consecutive rows of one piece and the place that they take in a batch.
struct Run {
  uint64_t first;  // row of the piece
  uint32_t piece;
  uint32_t count;
  uint32_t out;  // row of the batch
};

// Where the rows of one column of one piece lie: row i starts at `rows + i * stride`.
// A stride may be zero or negative, as in numpy; rows need no alignment.
struct PieceRows {
  const std::byte* rows = nullptr;
  int64_t stride = 0;
  const Conversion* conversion = nullptr;  // for gather_converted only
};

// Copies the rows of `runs` to `out`, `row_bytes` each, without gaps. Rows ahead are prefetched:
// random rows of a large array cost a cache miss each, and only overlapping the misses reaches the
// memory's bandwidth. Touches mapped bytes: call it inside guarded(). Requires: pieces[run.piece]
// is set for every run.
void gather(std::span<const Run> runs, const PieceRows* pieces, uint64_t row_bytes,
            std::byte* out) noexcept;

// The same with a conversion of every element on the way, each piece by its own; `row_elements`
// elements a row become as many of `out_size` bytes.
void gather_converted(std::span<const Run> runs, const PieceRows* pieces, uint64_t row_elements,
                      uint64_t out_size, std::byte* out) noexcept;

}  // namespace headrace
