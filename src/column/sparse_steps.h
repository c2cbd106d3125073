#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "column/column_view.h"
#include "column/densify.h"
#include "column/elementwise.h"
#include "column/layout.h"
#include "column/row_faults.h"
#include "column/schema.h"
#include "column/sparse_indices.h"

namespace headrace {

// Memory for the elements of a chunk; null = memory of the SparseTransform.
struct SparseMemory {
  std::byte* values = nullptr;
  std::byte* indices = nullptr;
};

// The steps of a layout (SparseSteps), applied to rows of csr a chunk at a time. Arithmetic is done
// in double for a result of float64 and in float otherwise, and rounded to 16-bit floats once, at
// the end: a value is cast, multiplied by the double total / sum * scale, and so on. The sum is a
// double, added in stored order. Holds scratch memory: one per thread, not shared.
class SparseTransform {
 public:
  // For rows of `field`, the sparse_field() of what is stored. Requires: check_layout() passed, and
  // the layout is dense, csr or coo.
  SparseTransform(const Field& field, const Layout& layout);

  // The csr field of what apply() gives: the dtype of the layout, the width after the selection.
  // For dense layouts indices keep their dtype where they can, and it is binary (no values are
  // made) where every value would be 1.
  const Field& field() const noexcept { return field_; }

  // What a dense row makes of repeated indices.
  Repeats repeats() const noexcept { return repeats_; }

  // Whether columns are dropped, so that a chunk may have fewer elements after the steps.
  bool selects() const noexcept { return selected_ != nullptr; }

  // Applies the steps to `rows`; the offsets of `result` begin at 0. What `out` has no memory for
  // lies in `rows` where it stays the same, otherwise in memory of this object until the next call.
  // Memory in `out` has room for as many elements as `rows` and is aligned to them; it may be where
  // the first element of `rows` lies if the elements keep their dtype. Indices for dense rows stay
  // where they are if no columns are dropped. Returns the first index that is not below the width:
  // of csr and coo layouts and of selections; others are left to the Densifier. Requires: offsets
  // of 8 bytes, in order and within the elements. Throws std::bad_alloc.
  RowFault apply(const ColumnView& rows, const SparseMemory& out, ColumnView& result);

 private:
  // The elements of a chunk.
  struct Elements {
    uint64_t first;
    uint64_t count;
  };

  std::byte* memory(std::byte* given, std::vector<double>& own, uint64_t bytes);
  void rebase(const ColumnView& rows, const Elements& elements, ColumnView& result);
  std::byte* place_values(const ColumnView& rows, const Elements& elements, const SparseMemory& out,
                          ColumnView& result);
  RowFault place_indices(const ColumnView& rows, const Elements& elements, const SparseMemory& out,
                         std::byte* work, ColumnView& result);
  void cast(const ColumnView& rows, const Elements& elements, std::byte* to) const;
  void find_factors(const ColumnView& rows, const std::byte* values);
  void compute(const ColumnView& rows, std::byte* values) const noexcept;

  Field stored_;
  Field field_;
  Repeats repeats_;
  SparseSteps steps_;
  const ColumnSelection* selected_;  // of steps_
  bool ones_;                        // every value is 1 before the arithmetic
  bool checks_;                      // indices are looked at here, not by a Densifier
  DType work_dtype_;                 // in which values are computed with
  Conversion cast_;                  // from stored values to work_dtype_
  Conversion round_;                 // from work_dtype_ to the result's dtype

  // Scratch of one apply(). Doubles, so that it is aligned to every dtype.
  std::vector<double> work_;
  std::vector<double> values_;
  std::vector<double> indices_;
  std::vector<int64_t> offsets_;
  std::vector<double> factors_;  // by row
};

}  // namespace headrace
