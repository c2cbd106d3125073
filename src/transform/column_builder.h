#pragma once

#include <cstddef>
#include <cstdint>

#include "base/buffer.h"
#include "column/column_view.h"
#include "column/schema.h"
#include "transform/small_blocks.h"

namespace headrace {

// Rows of a column, each part on a cache line.
struct BuiltColumn {
  struct Part {
    SharedBytes memory = {};  // null where the column has no such part
    uint64_t bytes = 0;
  };

  uint64_t rows = 0;
  uint64_t elements = 0;  // of all rows; 0 for a tensor
  Part values = {};       // of a tensor: the rows
  Part offsets = {};      // rows + 1 of int64, from 0 on
  Part indices = {};
};

// A column that grows by rows of unknown sizes, written in place: room is reserved, filled by
// whoever has it, and committed. For writers that are not trusted to count: see commit() and
// check(). For one thread.
class ColumnBuilder {
 public:
  // Room for rows behind those that are committed.
  struct Room {
    std::byte* values = nullptr;   // null for binary csr
    int64_t* ends = nullptr;       // of each row, in elements from the beginning of the room on
    std::byte* indices = nullptr;  // null for all but csr
  };

  // Requires: check_field() passes.
  explicit ColumnBuilder(Field field);

  const Field& field() const noexcept { return field_; }
  uint64_t rows() const noexcept { return rows_; }  // that are committed

  // Room for `rows` rows of `elements` elements together (of a tensor, elements are not looked at),
  // with what was written into the last one. It holds until the next call but commit(). Throws
  // kInvalid for sizes beyond 1 TiB, std::bad_alloc.
  Room reserve(uint64_t rows, uint64_t elements);

  // Adds the first `rows` rows of the room, which have its first `elements` elements. Throws
  // kTransform where more is committed than was reserved, or where the ends of the rows are not in
  // order from 0 to `elements`; then nothing is added.
  void commit(uint64_t rows, uint64_t elements);

  // Looks at the rows from `first` on: text is UTF-8, indices lie below the width, bools are 0 or
  // 1. Throws kTransform with the row, counted from `first`. Requires: first <= rows().
  void check(uint64_t first) const;

  // Drops the rows from `first` on. Requires: first <= rows().
  void truncate(uint64_t first) noexcept;

  // The rows; the builder is empty from then on. Few bytes are copied into memory of their size, a
  // piece of `blocks` where they are given, so that the builder keeps its own; many move.
  BuiltColumn take(SmallBlocks* blocks = nullptr);

 private:
  // Memory that grows and keeps what was written.
  class Part {
   public:
    // At least `bytes` bytes, the first `used` as they were.
    std::byte* grow(uint64_t bytes, uint64_t used);
    std::byte* data() const noexcept { return memory_.get(); }
    // The first `bytes` bytes, out of here or as a copy.
    BuiltColumn::Part take(uint64_t bytes, SmallBlocks* blocks);

   private:
    AlignedBytes memory_;
    uint64_t capacity_ = 0;
  };

  bool has_values() const noexcept { return !field_.binary; }
  ColumnView view() const noexcept;
  int64_t* ends() const noexcept;

  Field field_;
  uint64_t rows_ = 0;
  uint64_t elements_ = 0;
  uint64_t reserved_rows_ = 0;
  uint64_t reserved_elements_ = 0;
  Part values_;
  Part offsets_;
  Part indices_;
};

}  // namespace headrace
