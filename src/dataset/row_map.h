#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "base/buffer.h"
#include "dataset/row_index.h"
#include "order/partition.h"

namespace headrace {

// From the rows of a view to the rows of what it views. Immutable.

// start, start + step, start + 2 step, ...: a slice; the step may be negative.
struct StepMap {
  uint64_t start;
  int64_t step;
};

// A user's array of row numbers, kept as it is. Every index was checked to be in range.
struct IndexMap {
  Buffer indices;          // int64
  bool ascending = false;  // each is above the one before
};

// One part of a split.
struct PartMap {
  Partition partition;
  bool first;
};

// Evenly spaced rows of each of several series: part k of `windows` is rows first_rows[k],
// first_rows[k] + stride, ...
struct SeriesMap {
  RowIndex windows;
  std::vector<uint64_t> first_rows;
  uint64_t stride;
};

using RowMap = std::variant<StepMap, IndexMap, PartMap, SeriesMap>;
using RowMapPtr = std::shared_ptr<const RowMap>;

// Whether neighbours of the view are near each other in what it shows.
bool keeps_neighbours(const RowMap& map) noexcept;

// Replaces every row of the view by the row that it shows.
void apply_map(const RowMap& map, std::span<uint64_t> rows) noexcept;

}  // namespace headrace
