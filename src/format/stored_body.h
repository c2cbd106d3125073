#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "format/batch_layout.h"
#include "format/zstd_frames.h"

// Bodies whose buffers are compressed one by one, as Arrow's BodyCompression with the method BUFFER
// has them. A buffer that is not empty is stored as
//
//   int64   its length before compression, or kStoredRaw
//   bytes   one zstd frame; with kStoredRaw the buffer as it is
//
// and begins, as in all bodies of shards, at the next multiple of kBodyAlignment.
namespace headrace {

inline constexpr int64_t kStoredRaw = -1;
inline constexpr uint64_t kStoredPrefix = sizeof(int64_t);

// The parts of a column that have bytes, in the order of the file.
std::vector<Place*> stored_parts(ColumnPlace& place);

// Compresses one body after another into the same memory.
class BodyCompressor {
 public:
  // Compresses `buffers`, which are the parts of `batch` that have bytes, in their order. The
  // places of `batch`, relative to its body, and the size of its body become those that are stored.
  // What zstd makes no smaller is stored raw. Throws std::bad_alloc.
  void compress(std::span<const std::span<const std::byte>> buffers, BatchLayout& batch);

  // The stored body; valid until the next call.
  std::span<const std::byte> body() const noexcept { return body_; }

 private:
  void append(std::span<const std::byte> buffer);

  ZstdCompressor compressor_;
  std::vector<std::byte> body_;
};

}  // namespace headrace
