#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace headrace {

// Every buffer that headrace allocates starts on a cache line.
inline constexpr size_t kBufferAlignment = 64;

// Bytes and a share in whoever owns them (the heap, a mapping, a numpy array).
// Copies share the bytes; they live as long as the last copy.
class Buffer {
 public:
  Buffer() = default;
  Buffer(std::shared_ptr<const void> owner, const std::byte* data, uint64_t size)
      : owner_(std::move(owner)), data_(data), size_(size) {}

  // Copies `bytes` to the heap.
  static Buffer copy_of(std::span<const std::byte> bytes);

  const std::byte* data() const noexcept { return data_; }
  uint64_t size() const noexcept { return size_; }
  std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }

 private:
  std::shared_ptr<const void> owner_;
  const std::byte* data_ = nullptr;
  uint64_t size_ = 0;
};

// Uninitialised memory on a 64-byte boundary. Throws std::bad_alloc.
std::byte* allocate_aligned(uint64_t size);

// The same, with its pages there already, as far as the kernel does that: for what is written soon
// and whole. One call for many pages costs a third of a fault for each.
std::byte* allocate_present(uint64_t size);

void free_aligned(std::byte* data) noexcept;

struct FreeAligned {
  void operator()(std::byte* data) const noexcept { free_aligned(data); }
};
using AlignedBytes = std::unique_ptr<std::byte, FreeAligned>;

}  // namespace headrace
