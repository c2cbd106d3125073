#include "base/buffer.h"

#include <cstdlib>
#include <cstring>
#include <new>

namespace headrace {

std::byte* allocate_aligned(uint64_t size) {
  if (size > SIZE_MAX - kBufferAlignment) {
    throw std::bad_alloc();
  }
  const uint64_t rounded = (size + kBufferAlignment) / kBufferAlignment * kBufferAlignment;
  void* data = std::aligned_alloc(kBufferAlignment, rounded);
  if (data == nullptr) {
    throw std::bad_alloc();
  }
  return static_cast<std::byte*>(data);
}

void free_aligned(std::byte* data) noexcept {
  std::free(data);  // NOLINT(cppcoreguidelines-no-malloc): the pair of aligned_alloc
}

Buffer Buffer::copy_of(std::span<const std::byte> bytes) {
  AlignedBytes copy(allocate_aligned(bytes.size()));
  if (!bytes.empty()) {
    std::memcpy(copy.get(), bytes.data(), bytes.size());
  }
  const std::byte* data = copy.get();
  return Buffer(
      std::shared_ptr<const void>(copy.release(),
                                  [](const void* owned) {
                                    free_aligned(static_cast<std::byte*>(const_cast<void*>(owned)));
                                  }),
      data, bytes.size());
}

}  // namespace headrace
