#include "transform/small_blocks.h"

#include <algorithm>

namespace headrace {
namespace {

constexpr uint64_t kSmallestSlab = uint64_t{32} << 10;

}  // namespace

SharedBytes allocate_shared_bytes(uint64_t bytes) {
  return SharedBytes(AlignedBytes(allocate_aligned(bytes)));
}

SharedBytes SmallBlocks::allocate(uint64_t bytes) {
  if (bytes > kLargestPiece) {
    return allocate_shared_bytes(bytes);
  }
  if (slab_ == nullptr || bytes > size_ - used_) {
    const uint64_t size = std::clamp(2 * size_, kSmallestSlab, kLargestSlab);
    slab_ = SharedBytes(AlignedBytes(allocate_present(size)));
    size_ = size;
    used_ = 0;
  }
  SharedBytes piece(slab_, slab_.get() + used_);
  const uint64_t rounded = (bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
  used_ = std::min(size_, used_ + rounded);
  return piece;
}

}  // namespace headrace
