#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "column/schema.h"

namespace headrace {

// Rows of one column that lie in somebody's memory, one after another. What the pointers mean
// follows from the field:
//
//   kind           offsets      values                        indices
//   tensor         -            rows * row_bytes bytes        -
//   ragged         rows + 1     elements of row_bytes bytes   -
//   bytes, text    rows + 1     bytes                         -
//   csr            rows + 1     values; null when binary      of index_dtype
//
// Row i of a kind with offsets is elements [offsets[i], offsets[i + 1]); offsets[0] need not be 0.
// No pointer needs alignment.
struct ColumnView {
  uint64_t rows = 0;
  const std::byte* values = nullptr;
  const std::byte* offsets = nullptr;
  const std::byte* indices = nullptr;
  uint8_t offset_size = 8;  // bytes of one offset: 4 or 8 (int32, int64)
  uint64_t elements = 0;    // that lie at `values` (or `indices`); kinds with offsets only
};

// The arrays of a column in a batch. A ColumnView has no lengths: padded rows have them.
enum class ColumnPart : uint8_t { kOffsets, kValues, kIndices, kLengths };

inline constexpr size_t kColumnParts = 4;

// Bytes of one element of `part` of a column `field`: of an offset as batches have them (8), of an
// element's values (0 for binary csr), of an index (0 for all but csr); 0 for lengths. Requires:
// not a tensor.
uint64_t element_bytes(const Field& field, ColumnPart part) noexcept;

// Where `part` of `view` begins; null for lengths.
const std::byte* part_of(const ColumnView& view, ColumnPart part) noexcept;

// Offset `i` of `view`. Requires: i <= view.rows and a kind with offsets.
int64_t offset_at(const ColumnView& view, uint64_t i) noexcept;

// Rows [first, first + count) of `view`. Requires: they exist.
ColumnView slice(const ColumnView& view, const Field& field, uint64_t first, uint64_t count);

}  // namespace headrace
