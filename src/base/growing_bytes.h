#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/buffer.h"

namespace headrace {

// Bytes that grow at their end, in memory that is not cleared and that can be given away.
class GrowingBytes {
 public:
  GrowingBytes() = default;
  GrowingBytes(GrowingBytes&& other) noexcept { *this = std::move(other); }
  GrowingBytes& operator=(GrowingBytes&& other) noexcept {
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
    return *this;
  }

  uint64_t size() const noexcept { return size_; }
  uint64_t capacity() const noexcept { return capacity_; }
  const std::byte* data() const noexcept { return data_.get(); }
  std::byte* data() noexcept { return data_.get(); }

  // Makes room for `bytes` bytes in all, which a copy of what is there may cost. Pages that are
  // never written take no memory, so a generous guess is cheap. Throws std::bad_alloc.
  void reserve(uint64_t bytes);

  // `bytes` more bytes, whose contents are undefined; earlier addresses no longer hold. Throws
  // std::bad_alloc.
  std::byte* extend(uint64_t bytes);

  // Forgets the bytes from `size` on and keeps the memory. Requires: size <= size().
  void shrink(uint64_t size) noexcept { size_ = size; }

  // The memory, which is this object's no longer.
  AlignedBytes release() noexcept;

 private:
  AlignedBytes data_;
  uint64_t size_ = 0;
  uint64_t capacity_ = 0;
};

}  // namespace headrace
