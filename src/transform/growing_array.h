#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "base/buffer.h"
#include "base/checked.h"

namespace headrace {

// Elements whose number is not known before they are there, in memory that is aligned as buffers
// are, never initialised, and can be given away. Invariant: size() <= capacity().
template <typename T>
class GrowingArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  GrowingArray() = default;
  ~GrowingArray() = default;
  GrowingArray(const GrowingArray&) = delete;
  GrowingArray& operator=(const GrowingArray&) = delete;
  GrowingArray(GrowingArray&& other) noexcept
      : memory_(std::move(other.memory_)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  GrowingArray& operator=(GrowingArray&& other) noexcept {
    memory_ = std::move(other.memory_);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
    return *this;
  }

  uint64_t size() const noexcept { return size_; }
  uint64_t capacity() const noexcept { return capacity_; }
  T* data() noexcept { return reinterpret_cast<T*>(memory_.get()); }
  const T* data() const noexcept { return reinterpret_cast<const T*>(memory_.get()); }
  const T* begin() const noexcept { return data(); }
  const T* end() const noexcept { return data() + size_; }
  T operator[](uint64_t i) const noexcept { return data()[i]; }

  // Room for `count` elements in all; elements may move. Throws std::bad_alloc, kInvalid.
  void reserve(uint64_t count) {
    if (count > capacity_) {
      move_to(count);
    }
  }

  // Room for `count` elements behind the last, growing by half at least.
  void reserve_more(uint64_t count) {
    const uint64_t needed = checked_add(size_, count, "the elements of an array");
    if (needed > capacity_) {
      move_to(std::max(needed, capacity_ + capacity_ / 2));
    }
  }

  void push_back(T value) {
    if (size_ == capacity_) {
      reserve_more(1);
    }
    data()[size_++] = value;
  }

  // Says that elements were written behind the last. Requires: size <= capacity().
  void set_size(uint64_t size) noexcept { size_ = size; }

  void clear() noexcept { size_ = 0; }

  // Gives small memory back that is not used. Of large memory, what was never touched takes none.
  void fit() {
    constexpr uint64_t kSmall = uint64_t{1} << 20;
    if (capacity_ > size_ && size_ * sizeof(T) < kSmall) {
      move_to(size_);
    }
  }

  // The memory, which is the caller's from now on; the array is empty then.
  AlignedBytes release() noexcept {
    size_ = 0;
    capacity_ = 0;
    return std::move(memory_);
  }

 private:
  void move_to(uint64_t capacity) {
    AlignedBytes memory(
        allocate_aligned(checked_mul(capacity, sizeof(T), "the bytes of an array")));
    if (size_ > 0) {
      std::memcpy(memory.get(), memory_.get(), size_ * sizeof(T));
    }
    memory_ = std::move(memory);
    capacity_ = capacity;
  }

  AlignedBytes memory_;
  uint64_t size_ = 0;
  uint64_t capacity_ = 0;
};

}  // namespace headrace
