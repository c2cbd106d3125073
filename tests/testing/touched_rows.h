#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "column/row_faults.h"
#include "format/shard_layout.h"
#include "testing/shards.h"

namespace headrace {

// The bytes of every row of a file, found with no checks but those of its layout and of the rows
// themselves: batch after batch, column after column. Throws kCorrupt for rows with a fault. A
// reader that looks outside the bytes is AddressSanitizer's to find.
inline std::vector<std::vector<std::byte>> touch_rows(const ShardLayout& layout,
                                                      std::span<const std::byte> file) {
  // In memory of its own, so that its end is where the sanitizer sees it.
  const std::vector<std::byte> bytes(file.begin(), file.end());
  std::vector<std::vector<std::byte>> rows;
  for (const BatchLayout& batch : layout.batches) {
    for (size_t c = 0; c < layout.columns.size(); ++c) {
      const ColumnLayout& column = layout.columns[c];
      if (column.packed_bits) {
        const Place& bits = batch.columns[c].values;
        rows.emplace_back(bytes.begin() + static_cast<int64_t>(bits.offset),
                          bytes.begin() + static_cast<int64_t>(bits.offset + bits.bytes));
        continue;
      }
      const ColumnView view = view_of(column, batch.columns[c], batch.rows, bytes.data());
      if (find_row_fault(column.field, view)) {
        throw Error(ErrorCode::kCorrupt, "a row has a fault");
      }
      for (uint64_t row = 0; row < batch.rows; ++row) {
        rows.push_back(row_bytes(column.field, view, row));
      }
    }
  }
  return rows;
}

}  // namespace headrace
