#pragma once

#include <cstdint>
#include <vector>

#include "dataset/dataset.h"
#include "dataset/extents.h"

namespace headrace {

// What one column of a dataset takes of files.
struct FileColumn {
  uint64_t bytes = 0;           // altogether
  uint64_t offset_bytes = 0;    // of these, the offsets of rows of any size
  uint64_t row_bytes = 0;       // of the widest row; of rows of any size, on average
  uint64_t row_page_bytes = 0;  // what one row alone brings in, without its offsets
  bool unreachable = false;     // a file of it cannot be opened
};

// One for each column of `dataset`, whose file_extents() are `extents`; pages have `page` bytes.
std::vector<FileColumn> file_columns(const Dataset& dataset, const std::vector<Extent>& extents,
                                     uint64_t page);

}  // namespace headrace
