#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "column/column_view.h"
#include "dataset/dataset.h"

namespace headrace {

// Rows of a column, or a part of them, that lie one after another in a file.
struct Extent {
  const StoredRows* rows = nullptr;  // of a source that the dataset keeps alive: which file
  size_t column = 0;                 // of the dataset
  ColumnPart part = ColumnPart::kValues;
  uint64_t row_count = 0;  // stored rows that it holds
  uint64_t offset = 0;     // of the first byte in the file
  uint64_t bytes = 0;
};

// What `dataset` may read of files, each piece of a file once, in row order; nothing for arrays.
// Opens sources that know only then where their rows lie; files that cannot be opened are left out.
// Rows that a view leaves out of a piece are counted with it, and of columns with offsets those
// that it leaves out of a source. Calls `poll` before each piece, which may throw to stop: opening
// takes long where there are many files, or their hashes are compared.
std::vector<Extent> file_extents(
    const Dataset& dataset, const std::function<void()>& poll = [] {});

}  // namespace headrace
