#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "column/schema.h"

namespace headrace {

// What the header of a .npy file says: C-ordered, little-endian elements from `data_offset` on.
struct NpyHeader {
  DType dtype = DType::kUint8;
  std::vector<uint64_t> shape;  // the first extent is the rows
  uint64_t data_offset = 0;
};

// The most bytes that a header may have here; numpy writes 128 for any plain array.
inline constexpr uint64_t kMaxNpyHeader = 65536;

// Parses the start of a .npy file (versions 1.0, 2.0 and 3.0; numpy.lib.format describes them).
// `head` has the first kMaxNpyHeader bytes of the file, or all of a shorter one; `path` is for
// messages. Throws kCorrupt for bytes that are no .npy header; kUnsupported, saying what to do, for
// Fortran order, big endian, objects, structures, strings and 0-d arrays.
NpyHeader parse_npy_header(std::span<const std::byte> head, const std::string& path);

// Reads and parses the header of `path`, and checks that the file is as long as it says.
// Throws as above, and kNotFound, kIo, kTruncated.
NpyHeader read_npy_header(const std::string& path);

}  // namespace headrace
