#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataset/dataset.h"
#include "dataset/row_locator.h"
#include "storage/open_files.h"

namespace headrace {

// Asks the kernel for rows of a dataset before they are read. One per thread, not shared; does not
// keep the dataset alive.
class RowRequests {
 public:
  explicit RowRequests(const Dataset& dataset);

  // Asks for `rows` of the columns that `wanted` holds (empty = all), and returns before they are
  // in memory. Neighbours in a file, in whatever order and with small gaps, are one request.
  // Returns the bytes asked for. Throws what opening a file throws. Requires: as RowLocator::start.
  uint64_t will_need(std::span<const uint64_t> rows, const std::vector<bool>& wanted = {});

  // The files that it keeps open, for whoever reads the same rows in the same thread.
  OpenFiles& files() noexcept { return files_; }

 private:
  uint64_t ask_for(uint32_t group, std::span<Run> runs, const std::vector<bool>& wanted);
  uint64_t rows_of_gap(uint32_t group, const Piece& piece) const;

  const Dataset& dataset_;
  std::vector<std::vector<size_t>> columns_;  // of each group
  RowLocator locator_;
  OpenFiles files_;  // of what is not mapped
  // Of the members of stacks, by column; null for other columns.
  std::vector<std::unique_ptr<RowRequests>> members_;
};

}  // namespace headrace
