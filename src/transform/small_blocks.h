#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/buffer.h"

namespace headrace {

// Memory with a share in whatever it is part of.
using SharedBytes = std::shared_ptr<std::byte>;

// Memory for many small results that are written once and kept: pieces of slabs. A malloc for each
// costs as much as a small result, and its pages come one fault at a time; those of a slab come at
// once. A slab is freed when the last of its pieces is gone, so one that is kept keeps up to
// kLargestSlab bytes. For one thread; pieces may be dropped by any.
class SmallBlocks {
 public:
  static constexpr uint64_t kLargestSlab = uint64_t{256} << 10;
  static constexpr uint64_t kLargestPiece = kLargestSlab / 8;  // more has memory of its own

  // Uninitialised memory on a 64-byte boundary, not null for 0 bytes either. Throws
  // std::bad_alloc.
  SharedBytes allocate(uint64_t bytes);

 private:
  SharedBytes slab_;
  uint64_t size_ = 0;  // of the slab; slabs double, so that few results have a small one
  uint64_t used_ = 0;
};

// Memory of its own, as SmallBlocks::allocate().
SharedBytes allocate_shared_bytes(uint64_t bytes);

}  // namespace headrace
