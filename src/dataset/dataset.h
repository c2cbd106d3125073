#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "column/schema.h"
#include "dataset/row_space.h"

namespace headrace {

// One column of a dataset: what a batch shows of it, and where it is stored.
struct DatasetColumn {
  Field field;               // as batches show it
  uint32_t group = 0;        // index of its row space
  uint32_t column = 0;       // its number there
  std::vector<DType> casts;  // from the dtype of the sources, one after another, to field.dtype

  // The dtypes from what `piece` holds to what batches show.
  std::vector<DType> conversion_path(const Piece& piece) const;
};

class Dataset;
using DatasetPtr = std::shared_ptr<const Dataset>;

// Columns over row spaces that have equally many rows. Columns whose files have the same boundaries
// share a row space. Immutable; thread-safe; survives a fork.
class Dataset {
 public:
  // Throws kInvalid for no columns, no rows, a repeated name, or row spaces of different length.
  Dataset(std::vector<DatasetColumn> columns, std::vector<RowSpacePtr> groups);

  uint64_t rows() const noexcept { return rows_; }
  const std::vector<DatasetColumn>& columns() const noexcept { return columns_; }
  const std::vector<RowSpacePtr>& groups() const noexcept { return groups_; }

  // What batches look like.
  Schema schema() const;

  // Whether some rows lie in files.
  bool in_files() const noexcept { return in_files_; }

  // How many files are behind the dataset; arrays are none. Looks at every piece.
  uint64_t file_count() const;

  // Whether some piece of `column` must be converted on the way to a batch.
  bool converts(size_t column) const noexcept { return converts_[column]; }

  // Bytes of all rows as batches show them; of columns with offsets as their files say, and in
  // proportion where a view shows some of their rows.
  uint64_t bytes() const noexcept;

  // Throws kUnsupported naming the columns with offsets, if there are any: `what` needs tensors.
  void check_tensors(const char* what) const;

  // The column that says where rows come from: the first with a file, else the first that is stored
  // at all.
  size_t located_column() const noexcept { return located_column_; }

  // The file and the row in it behind row `row` of `column`, or of located_column(); the file is
  // empty for arrays. Of a window it is the first row. Throws kIndex.
  struct Location {
    std::string file;
    uint64_t row = 0;
  };
  Location locate(uint64_t row, size_t column) const;
  Location locate(uint64_t row) const { return locate(row, located_column_); }

  // Throws kIndex when rows start, start + step, ...: `count` of them, do not all exist.
  void check_range(uint64_t start, uint64_t count, int64_t step) const;

  // Throws kTruncated when a file that is mapped has become shorter.
  void check_files() const;

 private:
  void look_at_pieces();
  uint64_t variable_bytes_of(const DatasetColumn& column) const noexcept;

  std::vector<DatasetColumn> columns_;
  std::vector<RowSpacePtr> groups_;
  uint64_t rows_ = 0;
  uint64_t variable_bytes_ = 0;
  bool in_files_ = false;
  size_t located_column_ = 0;
  std::vector<bool> converts_;
};

}  // namespace headrace
