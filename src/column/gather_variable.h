#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "column/column_view.h"

namespace headrace {

// A stretch of consecutive rows of a column with offsets and the place that they take in a batch.
struct VariableRun {
  const ColumnView* column = nullptr;  // runs whose offsets are not mapped (null) are passed over
  uint64_t first = 0;                  // row of the column
  uint32_t count = 0;
  uint32_t out = 0;  // row of the batch
};

// The elements of one row: [begin, end) of its column.
struct ElementRange {
  uint64_t begin = 0;
  uint64_t end = 0;

  uint64_t size() const noexcept { return end - begin; }
};

// The first row whose offsets are not 0 <= begin <= end <= elements, if there is one.
struct BadOffsets {
  bool found = false;
  size_t run = 0;
  uint32_t row = 0;  // of the run
  int64_t begin = 0;
  int64_t end = 0;
};

// Finds the elements of the rows of `runs` and checks them: ranges[run.out + i] for row i of a run.
// Every offset is loaded once, since a mapped file may change between two looks. Touches mapped
// bytes: call it inside guarded(). Requires: the rows exist, and so do their places in `ranges`.
BadOffsets load_ranges(std::span<const VariableRun> runs, std::span<ElementRange> ranges) noexcept;

// Copies `part` of the rows of `runs`, which is not the offsets, `size` bytes an element: row i of
// the batch to out + offsets[i] * size. Touches mapped bytes: call it inside guarded(). Requires:
// `ranges` were loaded from the same runs, and offsets[i + 1] - offsets[i] is the size of range i.
void gather_elements(std::span<const VariableRun> runs, std::span<const ElementRange> ranges,
                     ColumnPart part, uint64_t size, const int64_t* offsets,
                     std::byte* out) noexcept;

}  // namespace headrace
