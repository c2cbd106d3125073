#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "column/schema.h"
#include "transform/growing_array.h"

namespace headrace {

// How the values of a row are scaled.
enum class RowNorm : uint8_t {
  kNone,
  kL1,  // the sum of their magnitudes is 1
  kL2,  // the sum of their squares is 1
};

// Rows of a sparse matrix, one behind the other.
struct HashedRows {
  std::vector<uint64_t> ends;      // of each row, in entries of all rows
  GrowingArray<int32_t> indices;   // rising within a row
  GrowingArray<std::byte> values;  // of the dtype that they were counted in
  uint64_t features = 0;           // counted in all rows: repeats too

  // No rows; the memory stays.
  void clear() noexcept;
};

// What the features of one row add to its columns, so far: for rows with more features than are
// kept one by one.
struct ColumnSums {
  std::vector<uint32_t> columns = {};  // rising
  std::vector<int64_t> sums = {};
  uint64_t features = 0;

  // No features; the memory goes.
  void clear() noexcept { *this = {}; }
};

// Counts features into rows as scikit-learn's FeatureHasher does: a hash gives a column and, if
// signs alternate, whether 1 is added or taken away.
class HashedRowCounter {
 public:
  struct Options {
    uint64_t columns = uint64_t{1} << 20;
    bool alternate_sign = true;
    bool binary = false;  // every entry is 1, also where 1 was added and taken away again
    RowNorm norm = RowNorm::kL2;
    DType dtype = DType::kFloat64;
  };

  // Throws kInvalid unless 1 <= columns < 2^31, and for dtypes other than float32 and float64.
  explicit HashedRowCounter(const Options& options);

  // What is kept of a feature. The bits of keys are those of its column, and one for the sign.
  uint32_t key(uint32_t hash) const noexcept {
    const uint32_t negative = hash >> 31;
    const uint32_t magnitude = negative != 0 ? 0U - hash : hash;
    const uint32_t column =
        (columns_ & (columns_ - 1)) == 0 ? magnitude & (columns_ - 1) : magnitude % columns_;
    return column << 1 | (negative & sign_);
  }

  // Adds a row of the features in `keys`, which are in another order then. An entry whose features
  // cancel out is kept as 0. Requires: `out` has rows of this counter only.
  void add_row(std::vector<uint32_t>& keys, std::vector<uint32_t>& scratch, HashedRows& out) const;

  // Adds the features in `keys` to `sums`; there are no keys then.
  void fold(std::vector<uint32_t>& keys, std::vector<uint32_t>& scratch, ColumnSums& sums) const;

  // Adds a row of the features in `sums`: the same as of their keys.
  void add_row(const ColumnSums& sums, HashedRows& out) const;

  const Options& options() const noexcept { return options_; }

 private:
  template <typename Value>
  void add_row_of(const std::vector<uint32_t>& keys, HashedRows& out) const;
  template <typename Value>
  void add_row_of(const ColumnSums& sums, HashedRows& out) const;
  template <typename Value>
  void end_row(uint64_t first, size_t entries, HashedRows& out) const;
  int bits() const noexcept;  // of keys

  Options options_;
  uint32_t columns_;
  uint32_t sign_;  // 1 if signs alternate
};

}  // namespace headrace
