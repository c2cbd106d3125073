#pragma once

#include <string>
#include <vector>

#include "column/schema.h"
#include "dataset/dataset.h"

namespace headrace {

// The files of one column, in row order.
struct ColumnFiles {
  std::string name;
  std::vector<std::string> paths;
};

// A dataset over raw files, as np.memmap writes them: rows without a header, `fields[c]` for column
// c. The rows of a file follow from its size. Columns are paired by position: file k of every
// column has equally many rows. Only looks at the files' sizes; they are mapped when rows are first
// read. Throws kNotFound, kIo; kInvalid for a size that is no multiple of the row, columns of
// different lengths, no rows.
DatasetPtr dataset_from_raw_files(const std::vector<ColumnFiles>& columns, const Schema& fields,
                                  Io io = Io::kAuto);

// A dataset over .npy files; every file of a column has the same dtype and row shape. Reads the
// headers. Throws as above, and what read_npy_header throws.
DatasetPtr dataset_from_npy_files(const std::vector<ColumnFiles>& columns, Io io = Io::kAuto);

}  // namespace headrace
