#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataset/dataset.h"
#include "dataset/row_locator.h"
#include "dataset/variable_reader.h"
#include "storage/open_files.h"

namespace headrace {

// Asks the kernel for rows of a dataset before they are read, and gives them back after. One per
// thread, not shared; does not keep the dataset alive.
class RowRequests {
 public:
  explicit RowRequests(const Dataset& dataset);

  // Asks for `rows` of the columns that `wanted` holds (empty = all), and returns before they are
  // in memory. Neighbours in a file, in whatever order and with small gaps, are one request.
  // Returns the bytes asked for. Throws what opening a file throws. Requires: as RowLocator::start.
  uint64_t will_need(std::span<const uint64_t> rows, const std::vector<bool>& wanted = {});

  // The same for columns with offsets, in two steps: the offsets of `rows`, and later, when these
  // are in memory, what they point to.
  uint64_t will_need_offsets(std::span<const uint64_t> rows, const std::vector<bool>& wanted);
  uint64_t will_need_elements(std::span<const uint64_t> rows, const std::vector<bool>& wanted);

  // Says that `rows` of the wanted columns were read and are not soon again: their maps let go of
  // them. Returns their bytes. Throws, and requires, as will_need().
  uint64_t used(std::span<const uint64_t> rows, const std::vector<bool>& wanted);

  // The files that it keeps open, for whoever reads the same rows in the same thread.
  OpenFiles& files() noexcept { return files_; }

 private:
  uint64_t advise(std::span<const uint64_t> rows, const std::vector<bool>& wanted, Advice advice);
  uint64_t advise_group(uint32_t group, std::span<Run> runs, const std::vector<bool>& wanted,
                        Advice advice);
  uint64_t advise_elements(std::span<const uint64_t> rows, const std::vector<bool>& wanted,
                           Advice advice);
  uint64_t rows_of_gap(uint32_t group, const PieceView& piece) const;
  template <typename Ask>
  uint64_t for_each_variable(std::span<const uint64_t> rows, const std::vector<bool>& wanted,
                             const Ask& ask);

  // The columns that one column is stacked of.
  struct Stack {
    size_t column;
    std::unique_ptr<RowRequests> members;
  };

  const Dataset& dataset_;
  std::vector<std::vector<size_t>> columns_;  // of each group, without stacks
  std::vector<Stack> stacks_;
  RowLocator locator_;
  VariableReader variable_;
  OpenFiles files_;  // of what is not mapped
};

}  // namespace headrace
