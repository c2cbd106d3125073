#include "base/buffer.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <sys/mman.h>
#include <unistd.h>

namespace headrace {
namespace {

constexpr uint64_t kHugePage = uint64_t{2} << 20;
// Memory from here on asks for huge pages, as numpy's does: pages of 4 KiB cost a fault each when
// they are first written, and batches of dense rows a fifth of their speed ever after.
constexpr uint64_t kHugeBuffer = uint64_t{4} << 20;

}  // namespace

std::byte* allocate_aligned(uint64_t size) {
  if (size > SIZE_MAX - kBufferAlignment) {
    throw std::bad_alloc();
  }
  const uint64_t alignment = size < kHugeBuffer ? kBufferAlignment : kHugePage;
  const uint64_t rounded = (size + kBufferAlignment) / kBufferAlignment * kBufferAlignment;
  void* data = nullptr;
  if (posix_memalign(&data, alignment, rounded) != 0) {
    throw std::bad_alloc();
  }
#ifdef MADV_HUGEPAGE
  if (size >= kHugeBuffer) {
    madvise(data, rounded, MADV_HUGEPAGE);  // refused by kernels that have none, to no harm
  }
#endif
  return static_cast<std::byte*>(data);
}

std::byte* allocate_present(uint64_t size) {
  constexpr int kPopulateWrite = 23;  // of Linux 5.14; older headers do not have it
  std::byte* data = allocate_aligned(size);
  static const auto kPage = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  // Only what lies in this memory whole: the rest of a page may be anybody's.
  const uint64_t before = (kPage - reinterpret_cast<uintptr_t>(data) % kPage) % kPage;
  if (before < size) {
    madvise(data + before, (size - before) / kPage * kPage, kPopulateWrite);
  }
  return data;
}

void free_aligned(std::byte* data) noexcept {
  std::free(data);  // NOLINT(cppcoreguidelines-no-malloc): the pair of posix_memalign
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
