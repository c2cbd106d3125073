#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "column/schema.h"

namespace headrace {

// What the rows of a batch look like in memory, beside how they are stored.
enum class LayoutKind : uint8_t {
  kStored,  // as stored, perhaps of another dtype: ragged, csr
  kDense,   // one tensor (rows, width): csr, indices
  kCsr,     // offsets, indices, values: csr, indices
  kCoo,     // (row, column) of each value, and the values: csr, indices
  kPadded,  // one tensor (rows, length, ...), and lengths or a mask: ragged, bytes, text
};

// "stored", "dense", "csr", "coo" or "padded".
const char* layout_name(LayoutKind kind) noexcept;

// Columns of csr that stay, in their new order; the others are dropped. Immutable; thread-safe.
class ColumnSelection {
 public:
  // Keeps `columns` of `stored_width`: column columns[i] becomes column i. Throws kInvalid for no
  // columns, one that is not below the width, or one that comes twice; kUnsupported for a width
  // above 2^31, since every stored column has an entry in a table.
  ColumnSelection(std::vector<uint64_t> columns, uint64_t stored_width);

  const std::vector<uint64_t>& columns() const noexcept { return columns_; }
  uint64_t width() const noexcept { return columns_.size(); }
  uint64_t stored_width() const noexcept { return new_columns_.size(); }

  // The new number of every stored column; -1 where it is dropped.
  const int32_t* new_columns() const noexcept { return new_columns_.data(); }

  bool operator==(const ColumnSelection& other) const noexcept {
    return stored_width() == other.stored_width() && columns_ == other.columns_;
  }

 private:
  std::vector<uint64_t> columns_;
  std::vector<int32_t> new_columns_;
};

// What happens to the values of csr rows, in this order: every stored value becomes 1 (binary), or
// is cast to the layout's dtype; each row is multiplied by `total` / (sum of all its stored values)
// and by `scale`; log1p; then columns are dropped and renumbered. A row whose sum is 0 is scaled
// only. A stored 0 is a stored value, so that binary makes it 1.
struct SparseSteps {
  bool binary = false;
  std::optional<double> total = std::nullopt;
  double scale = 1;
  bool log1p = false;
  std::shared_ptr<const ColumnSelection> selected = nullptr;

  // Whether values are computed with, so that they must be floats.
  bool arithmetic() const noexcept { return total.has_value() || scale != 1 || log1p; }

  // By value of the selection.
  bool operator==(const SparseSteps& other) const noexcept;
};

// How rows of different lengths become rows of one length.
struct Padding {
  // Of every batch, so that longer rows are an error unless they are truncated; 0 = the longest row
  // of each batch.
  uint64_t max_length = 0;
  bool truncate = false;               // longer rows keep their first max_length elements
  bool left = false;                   // the fill comes before the elements
  bool mask = false;                   // a bool for each element instead of lengths
  std::array<std::byte, 8> fill = {};  // one element of the layout's dtype

  bool operator==(const Padding&) const = default;
};

// A tensor or ragged column that holds the indices of binary csr rows.
struct IndexSource {
  uint64_t width = 0;                         // every index is below it
  std::optional<int64_t> pad = std::nullopt;  // a value that stands for no index

  bool operator==(const IndexSource&) const = default;
};

// The dtype of indices below the width: kInt32 where that holds them, otherwise kInt64.
DType index_dtype_of(const IndexSource& source) noexcept;

// What a column becomes on its way into a batch.
struct Layout {
  LayoutKind kind = LayoutKind::kStored;
  DType dtype = DType::kFloat32;                      // of the result's elements
  SparseSteps steps = {};                             // of dense, csr and coo
  Padding padding = {};                               // of padded
  std::optional<IndexSource> indices = std::nullopt;  // set = the stored column holds indices
  DType index_dtype = DType::kInt64;  // of csr: offsets and indices are kInt32 or kInt64

  bool operator==(const Layout&) const = default;
};

// The csr field that `stored` is before the steps of `layout`: itself, or binary csr where it holds
// indices. Requires: check_layout() passed, and a csr column or one of indices.
Field sparse_field(const Field& stored, const Layout& layout);

// The field that a user sees. Dense: a tensor of width elements. Csr and coo: csr with values, of
// the width after the selection. Padded: ragged, whatever is stored. Requires: check_layout()
// passed.
Field shown_field(const Field& stored, const Layout& layout);

// Throws kInvalid or kUnsupported that names the column, says what it is and what to do, where
// `layout` cannot be made of `stored`.
void check_layout(const Field& stored, const Layout& layout);

}  // namespace headrace
