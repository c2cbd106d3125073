#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "dataset/dataset.h"

namespace headrace {

// Rows of csr in three .npy files of one dimension: row i has the columns
// indices[indptr[i], indptr[i + 1]), and the values at the same places.
struct CsrFiles {
  std::string indptr;   // int32 or int64: one more than there are rows
  std::string indices;  // uint16, int32 or int64
  std::string values;   // of any dtype; empty: there are none, and the column is binary
};

// A dataset of one csr column `name`, `width` wide, over the rows of `parts`, one after the other.
// Reads the headers and all of indptr now, `poll` before each step, which may throw to stop; the
// indices are checked when rows are read. Throws kInvalid naming file and row where indptr
// decreases, begins below 0 or ends elsewhere than the indices, where indices and values are not
// equally many, for parts of different dtypes, and no rows; kUnsupported for other dtypes; what
// read_npy_header throws.
DatasetPtr dataset_from_csr_files(const std::string& name, const std::vector<CsrFiles>& parts,
                                  uint64_t width, Io io, const std::function<void()>& poll);

}  // namespace headrace
