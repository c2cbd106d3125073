#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "column/elementwise.h"
#include "column/layout.h"
#include "column/schema.h"
#include "dataset/row_space.h"

namespace headrace {

class Dataset;
using DatasetPtr = std::shared_ptr<const Dataset>;

// What users get of rows that have no one size; the core makes the same parts for all of them.
enum class Presentation : uint8_t {
  kLayout,   // what the kind of the layout is called
  kOffsets,  // "jagged": values and offsets
  kNested,   // "jagged": a nested tensor, where there is such a thing
};

// What a layout is made of, and the layout.
struct StoredLayout {
  Field stored;  // the rows before the layout
  Layout layout;
  Presentation presentation = Presentation::kLayout;

  bool operator==(const StoredLayout&) const = default;
};

// One column of a dataset: what a batch shows of it, and where it is stored.
//
// Most columns are shown as they are stored. Others have a layout: rows of `layout->stored` are
// read, and become rows of `field` when a batch is made. Others are stacks: the columns of
// `members`, tensors of one dtype and shape, side by side in one tensor; a stack may have a layout,
// too. Its group and column are those of its first member.
struct DatasetColumn {
  Field field;          // as batches show it
  uint32_t group = 0;   // index of its row space
  uint32_t column = 0;  // its number there
  // From the dtype of the sources, one after another, to stored().dtype.
  std::vector<ValueStep> casts;
  std::shared_ptr<const StoredLayout> layout = nullptr;
  DatasetPtr members = nullptr;  // of a stack: its columns alone, with the rows of the dataset
  bool recasts_indices = false;  // of csr: some source holds others than stored().index_dtype

  // The rows before a layout: what is read of the sources.
  const Field& stored() const noexcept { return layout == nullptr ? field : layout->stored; }

  // Whether rows are copied, or cast, one after another from the sources to their place in a batch:
  // tensors without a layout that are no stacks. Reader::read reads these, and Reader::read_parts
  // all others.
  bool gathered() const noexcept {
    return field.is_tensor() && layout == nullptr && members == nullptr;
  }

  // Whether rows of stored() become others in a batch; a layout may only say how they are called.
  bool changes_rows() const noexcept {
    return layout != nullptr && (layout->layout.kind != LayoutKind::kStored ||
                                 layout->layout.dtype != layout->stored.dtype);
  }

  // Whether numbers become others in more than their dtype, whatever is stored.
  bool has_functions() const noexcept {
    return std::any_of(casts.begin(), casts.end(),
                       [](const ValueStep& step) { return step.function != nullptr; });
  }

  // The steps from what a source holds, `dtype`, to stored().dtype.
  std::vector<ValueStep> conversion_path(DType dtype) const;
};

// "float32[64]"; of columns that are not gathered() also what they are made of.
std::string describe_column(const DatasetColumn& column);

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

  // Whether some rows may come and go (Source::is_transient).
  bool is_transient() const noexcept { return !remotes_.empty(); }

  // The stores that rows come from on demand, each once.
  const std::vector<const RemoteShards*>& remotes() const noexcept { return remotes_; }

  // How many files are behind the dataset; arrays are none. Looks at every piece.
  uint64_t file_count() const;

  // Whether what some piece holds of `column` must be converted on the way to stored().dtype.
  bool converts(size_t column) const noexcept { return converts_[column]; }

  // Bytes of all rows as batches show them; of columns whose rows differ in size as their files
  // say, and in proportion where a view shows some of their rows.
  uint64_t bytes() const noexcept;

  // Bytes of a row on average, before layouts: what must be read for it.
  uint64_t read_bytes_of_row() const noexcept;

  // Throws kUnsupported naming the columns that are not gathered(), if there are any: `what` needs
  // tensors as they are stored.
  void check_gathered(const char* what) const;

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
  void add_remote(const RemoteShards* remote);
  struct Files;
  void add_files(Files& files) const;
  uint64_t variable_bytes_of(const DatasetColumn& column) const noexcept;

  std::vector<DatasetColumn> columns_;
  std::vector<RowSpacePtr> groups_;
  uint64_t rows_ = 0;
  std::vector<uint64_t> variable_bytes_;  // of all rows, for each column; 0 of stored tensors
  bool in_files_ = false;
  std::vector<const RemoteShards*> remotes_;
  size_t located_column_ = 0;
  std::vector<bool> converts_;
};

}  // namespace headrace
