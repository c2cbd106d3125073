#include "storage/whole_file.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace headrace {
namespace {

constexpr uint64_t kSmallest = uint64_t{1} << 16;
constexpr uint64_t kMostKept = uint64_t{1} << 24;  // beyond it, memory is as large as its file

}  // namespace

void WholeFile::allocate(uint64_t bytes) {
  memory_.reset(allocate_aligned(bytes));
  capacity_ = bytes;
}

// Files of /proc and their like say that they have no bytes, and have some.
std::span<const std::byte> WholeFile::read_of_unknown_size(const File& file) {
  if (capacity_ == 0) {
    allocate(kSmallest);
  }
  uint64_t bytes = 0;
  for (;;) {
    const uint64_t found =
        file.read_some(bytes, std::span(memory_.get() + bytes, capacity_ - bytes));
    if (found == 0) {
      return {memory_.get(), bytes};
    }
    bytes += found;
    if (bytes == capacity_) {
      const AlignedBytes smaller = std::move(memory_);
      allocate(2 * bytes);
      std::memcpy(memory_.get(), smaller.get(), bytes);
    }
  }
}

std::span<const std::byte> WholeFile::read(const File& file) {
  const uint64_t size = file.info().size;
  if (size == 0) {
    return read_of_unknown_size(file);
  }
  if (size > capacity_ || capacity_ > std::max(kMostKept, size)) {
    // What is there is let go first: there is never memory for two large files.
    memory_.reset();
    capacity_ = 0;
    const uint64_t wanted = std::max(size, std::min(2 * size, kMostKept));
    allocate(std::max(wanted, kSmallest));
  }
  const std::span bytes(memory_.get(), size);
  file.read(0, bytes);
  return bytes;
}

}  // namespace headrace
