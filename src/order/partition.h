#pragma once

#include <cstdint>

namespace headrace {

// A division of [0, rows) into two parts of exact sizes, both in row order, in constant memory.
//
// The smaller part of k rows is a stratified random sample: the rows are cut into k cells whose
// sizes differ by at most 2, and one keyed random row of each cell is picked; the larger part is
// the rest. So the j-th row of either part is found in constant time, neighbours stay neighbours,
// and each stretch of rows is represented in proportion. docs/order.md compares it with a simple
// random sample. Thread-safe.
class Partition {
 public:
  // The first part gets `first_rows` rows. Requires: first_rows <= rows.
  Partition(uint64_t rows, uint64_t first_rows, uint64_t key) noexcept;

  uint64_t rows() const noexcept { return rows_; }
  uint64_t first_rows() const noexcept { return first_rows_; }

  // Row `index` of the first or of the second part. Requires: index < that part's rows.
  uint64_t first(uint64_t index) const noexcept;
  uint64_t second(uint64_t index) const noexcept;

 private:
  uint64_t cell_begin(uint64_t cell) const noexcept;
  uint64_t pick(uint64_t cell) const noexcept;
  uint64_t picked(uint64_t index) const noexcept;
  uint64_t left(uint64_t index) const noexcept;

  uint64_t rows_;
  uint64_t first_rows_;
  uint64_t picks_;          // rows of the smaller part
  bool pick_first_;         // whether the first part is the smaller
  uint64_t cell_rows_;      // rows per cell: whole rows
  uint64_t cell_fraction_;  // and the fraction, in units of 2^-64
  double cells_per_left_row_;
  uint64_t key_;
};

}  // namespace headrace
