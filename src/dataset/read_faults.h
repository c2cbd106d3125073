#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "dataset/dataset.h"
#include "dataset/held_pieces.h"
#include "dataset/row_space.h"

namespace headrace {

// Throws what it means that `map` could not be read: kTruncated or kIo naming its file.
[[noreturn]] void throw_map_fault(const MappedFile& map);

// Throws what it means that guarded() stopped at `address` while it read rows of `space`:
// kTruncated or kIo naming the file whose map holds the address; kIo for an address of no map.
// `held`: what the reader holds of transient sources; nullptr where there are none.
[[noreturn]] void throw_read_fault(const RowSpace& space, const void* address,
                                   const HeldPieces* held = nullptr);

// The file with `part` of row `row` of `column`, where a column has several files; empty for rows
// in memory. Requires: a row and a column that there are.
std::string file_with_part(const Dataset& dataset, uint64_t row, size_t column, ColumnPart part);

}  // namespace headrace
