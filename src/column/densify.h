#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "column/column_view.h"
#include "column/row_faults.h"
#include "column/schema.h"

namespace headrace {

// What becomes of an index that a row has more than once.
enum class Repeats : uint8_t {
  kSum,  // its values are added in stored order, as scipy's toarray() adds them: integers wrap,
         // bools are or-ed, 16-bit floats are rounded after each addition
  kSet,  // its last value stays: for binary columns, whose values are all alike
};

// How dense rows reach their memory.
enum class DenseStores : uint8_t {
  kCached,    // plain stores: for batches that are still in the cache when they are read
  kStreamed,  // each row is built in a buffer that stays in the cache, and written past it
};

// Which is faster for a batch of `rows` rows of `row_bytes` bytes.
DenseStores dense_stores(uint64_t rows, uint64_t row_bytes) noexcept;

// Rows of csr, expanded into dense ones. Cheap to make. Holds the buffer of streamed rows: one per
// thread, not shared.
class Densifier {
 public:
  // For csr rows of `field`, whose dtype is that of the result; where it is binary, every stored
  // index becomes a 1 of `dtype`. Requires: field.binary or field.dtype == dtype; rows whose bytes
  // 64 bits can count. Throws std::bad_alloc.
  Densifier(const Field& field, DType dtype, Repeats repeats, DenseStores stores);

  // Writes every element of the rows of `view` to `out`, width elements a row. Returns the first
  // index that is not below the width, with its row; what then stands in that row and behind it is
  // unspecified. Nothing is written elsewhere, whatever the indices are. May run inside guarded().
  // Requires: offsets of 8 bytes, in order and within the elements that are there.
  RowFault operator()(const ColumnView& view, std::byte* out) noexcept;

 private:
  // Scatters `count` elements to a row; returns how many until the first index beyond the width.
  using Scatter = uint64_t (*)(const std::byte* indices, const std::byte* values, uint64_t count,
                               uint64_t width, std::byte* row) noexcept;
  // Sets what the first `count` elements wrote back to zero.
  using Clear = void (*)(const std::byte* indices, uint64_t count, std::byte* row) noexcept;

  DType index_dtype_;
  uint64_t index_size_;
  uint64_t value_size_;  // 0 for binary: all elements take their value from `one_`
  uint64_t width_;
  uint64_t row_bytes_;
  Scatter scatter_;
  Clear clear_;
  std::array<std::byte, 8> one_ = {};
  std::vector<std::byte> buffer_;  // a row of zeros, for streamed stores only
};

}  // namespace headrace
