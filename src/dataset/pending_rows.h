#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "column/column_view.h"
#include "column/schema.h"

namespace headrace {

// How much more a record batch may hold.
struct BatchRoom {
  uint64_t bytes = 0;
  std::vector<uint64_t> elements = {};  // leaf elements, for each column
};

// Bytes of rows [first, first + count) in a record batch: values, indices, and an offset of eight
// bytes a row; without padding. Requires: the rows exist and have no faults (row_faults.h).
uint64_t batch_bytes(const Schema& schema, std::span<const ColumnView> columns, uint64_t first,
                     uint64_t count) noexcept;

// The largest number of rows from `first` on, at most `count`, that fits in `room`. Requires: as
// batch_bytes().
uint64_t rows_that_fit(const Schema& schema, std::span<const ColumnView> columns, uint64_t first,
                       uint64_t count, const BatchRoom& room) noexcept;

// Copies of rows that wait until they are a record batch. Memory follows what is held: growing
// neither copies large blocks nor keeps two of them.
class PendingRows {
 public:
  explicit PendingRows(const Schema& schema) : columns_(schema.size()) {}

  uint64_t rows() const noexcept { return rows_; }

  // As batch_bytes() counts them.
  uint64_t bytes() const noexcept { return bytes_; }

  // Leaf elements of column `column`.
  uint64_t elements(const Schema& schema, size_t column) const noexcept;

  // Appends rows [first, first + count) of `columns`. Throws std::bad_alloc, and then holds what it
  // held before. Requires: as batch_bytes().
  void append(const Schema& schema, std::span<const ColumnView> columns, uint64_t first,
              uint64_t count);

  // The first `count` rows; valid until the next change. Requires: count <= rows().
  std::vector<ColumnView> views(const Schema& schema, uint64_t count) const;

  // Removes the first `count` rows. Requires: count <= rows().
  void drop(const Schema& schema, uint64_t count) noexcept;

  // Gives back the memory beyond `bytes` in all when there are no rows.
  void shrink(uint64_t bytes) noexcept;

 private:
  struct Free {
    void operator()(std::byte* data) const noexcept { std::free(data); }
  };

  // Bytes that grow in place where the allocator can (realloc moves pages, not bytes).
  struct Bytes {
    std::unique_ptr<std::byte, Free> data = nullptr;
    uint64_t size = 0;
    uint64_t capacity = 0;

    void reserve(uint64_t wanted);
    void append(const std::byte* from, uint64_t count) noexcept;
    void drop(uint64_t count) noexcept;
  };

  struct Column {
    Bytes values = {};
    Bytes offsets = {};  // int64: rows + 1, from 0; its size is not kept
    Bytes indices = {};
    uint64_t elements = 0;
  };

  std::vector<Column> columns_;
  uint64_t rows_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace headrace
