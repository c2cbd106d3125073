#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/buffer.h"
#include "storage/file.h"

namespace headrace {

// Memory that whole files are read into, one after the other: for files that are small, or wanted
// as a whole. For one thread.
class WholeFile {
 public:
  // The bytes of `file` as many as it had when it was opened; they hold until the next call. Of a
  // file that says it has none, as those of /proc do, all that can be read. Throws kIo; kTruncated
  // where it has become shorter; std::bad_alloc.
  std::span<const std::byte> read(const File& file);

 private:
  void allocate(uint64_t bytes);
  std::span<const std::byte> read_of_unknown_size(const File& file);

  AlignedBytes memory_;
  uint64_t capacity_ = 0;
};

}  // namespace headrace
