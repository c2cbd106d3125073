#pragma once

#include <cstdint>

#include "column/column_view.h"
#include "dataset/dataset.h"

namespace headrace::python {

// What an array over one part of a column of a batch is: `rows` elements along its first axis.
struct PartArray {
  Field element;  // what one of them is: dtype and shape, with the name of the column
  uint64_t rows = 0;
};

// What a part of `bytes` bytes is, in a batch of `batch_rows` rows: AllocatePart says which parts
// there are. Requires: bytes as the reader asked for them.
PartArray part_array(const DatasetColumn& column, ColumnPart part, uint64_t bytes,
                     uint64_t batch_rows);

// The parts of columns that are not one array, in the order in which Python gets them.
inline constexpr ColumnPart kPartsInOrder[] = {ColumnPart::kOffsets, ColumnPart::kValues,
                                               ColumnPart::kIndices, ColumnPart::kLengths};

}  // namespace headrace::python
