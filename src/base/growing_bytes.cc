#include "base/growing_bytes.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace headrace {

void GrowingBytes::reserve(uint64_t bytes) {
  if (bytes <= capacity_) {
    return;
  }
  AlignedBytes larger(allocate_aligned(bytes));
  if (size_ != 0) {
    std::memcpy(larger.get(), data_.get(), size_);
  }
  data_ = std::move(larger);
  capacity_ = bytes;
}

std::byte* GrowingBytes::extend(uint64_t bytes) {
  if (bytes > UINT64_MAX / 4 - size_) {
    throw std::bad_alloc();
  }
  if (size_ + bytes > capacity_) {
    reserve(std::max(size_ + bytes, 2 * capacity_));
  }
  std::byte* const begin = data_.get() + size_;
  size_ += bytes;
  return begin;
}

AlignedBytes GrowingBytes::release() noexcept {
  size_ = 0;
  capacity_ = 0;
  return std::move(data_);
}

}  // namespace headrace
