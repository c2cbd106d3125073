#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#include "column/gather.h"

namespace headrace {

// Where the rows of every piece of a column lie, all unset at first. Pages that nobody sets take no
// memory and no time: there may be a million pieces, and a read that needs one of them.
class PieceTable {
 public:
  explicit PieceTable(uint64_t pieces)
      : rows_(static_cast<PieceRows*>(std::calloc(pieces, sizeof(PieceRows)))) {
    if (rows_ == nullptr && pieces > 0) {
      throw std::bad_alloc();
    }
  }

  PieceRows& operator[](uint64_t piece) noexcept { return rows_.get()[piece]; }
  const PieceRows& operator[](uint64_t piece) const noexcept { return rows_.get()[piece]; }
  const PieceRows* data() const noexcept { return rows_.get(); }

 private:
  struct Free {
    void operator()(PieceRows* rows) const noexcept { std::free(rows); }
  };
  std::unique_ptr<PieceRows, Free> rows_;  // zero bytes are an unset PieceRows
};

}  // namespace headrace
