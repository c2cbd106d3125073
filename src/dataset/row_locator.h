#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dataset/dataset.h"

namespace headrace {

// Finds where the rows of one batch are stored, group by group. Keeps its scratch memory from batch
// to batch: one per thread, not shared. Does not keep the dataset alive.
class RowLocator {
 public:
  explicit RowLocator(const Dataset& dataset) : dataset_(dataset) {}

  // Takes the next batch; `rows` must live until the one after it. Requires: each row <
  // dataset.rows(); fewer than 2^31 rows.
  void start(std::span<const uint64_t> rows);

  // The runs of some rows of the batch in one group, in no order; their `out` counts from the first
  // of these rows. They hold until the next call, and may be changed.
  struct Part {
    uint64_t rows;
    std::span<Run> runs;
  };

  // The part that begins at row `done` of the batch: all that is left, but for windows, whose runs
  // may be many more than the rows. Requires: done < rows.size().
  Part locate(uint32_t group, uint64_t done);

 private:
  std::span<const uint64_t> below_map(const RowSpace& space);

  const Dataset& dataset_;
  std::span<const uint64_t> rows_;
  std::vector<uint64_t> mapped_rows_;  // after the map on top, kept while groups share it
  const RowMap* mapped_by_ = nullptr;
  RowSpace::Workspace space_;
};

}  // namespace headrace
