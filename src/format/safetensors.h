#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "column/schema.h"
#include "storage/file.h"

namespace headrace {

// One tensor of a .safetensors file, as rows: its first extent counts them.
struct StoredTensor {
  Field field = {};  // of a row
  uint64_t rows = 0;
  uint64_t offset = 0;  // in the file; row_bytes() * rows bytes from there on
};

// The most bytes that the header of a .safetensors file may have here: a million tensors.
inline constexpr uint64_t kMaxSafetensorsHeader = uint64_t{64} << 20;

// The tensors of the header `json`, in its order, of a file with `data_bytes` bytes behind it; the
// first of them is at `data_offset`. `path` is for messages. Throws kCorrupt for text that is no
// such header, and for tensors that overlap, leave holes or leave the file; kUnsupported for other
// dtypes, for single numbers and for rows of no elements; kInvalid where tensors have different
// numbers of rows, or there are none.
std::vector<StoredTensor> parse_safetensors_header(std::string_view json, uint64_t data_offset,
                                                   uint64_t data_bytes, const std::string& path);

// Reads and parses the header of `file`. Throws as above, and kTruncated, kIo.
std::vector<StoredTensor> read_safetensors_header(const File& file);

}  // namespace headrace
