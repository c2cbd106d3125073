#pragma once

#include "dataset/row_space.h"

namespace headrace {

// Throws what it means that `map` could not be read: kTruncated or kIo naming its file.
[[noreturn]] void throw_map_fault(const MappedFile& map);

// Throws what it means that guarded() stopped at `address` while it read rows of `space`:
// kTruncated or kIo naming the file whose map holds the address; kIo for an address of no map.
[[noreturn]] void throw_read_fault(const RowSpace& space, const void* address);

}  // namespace headrace
