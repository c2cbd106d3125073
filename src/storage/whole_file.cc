#include "storage/whole_file.h"

#include <algorithm>

namespace headrace {
namespace {

constexpr uint64_t kSmallest = uint64_t{1} << 16;
constexpr uint64_t kMostKept = uint64_t{1} << 24;  // beyond it, memory is as large as its file

}  // namespace

std::span<const std::byte> WholeFile::read(const File& file) {
  const uint64_t size = file.info().size;
  if (size > capacity_ || capacity_ > std::max(kMostKept, size)) {
    // What is there is let go first: there is never memory for two large files.
    memory_.reset();
    capacity_ = 0;
    const uint64_t wanted = std::max(size, std::min(2 * size, kMostKept));
    memory_.reset(allocate_aligned(std::max(wanted, kSmallest)));
    capacity_ = std::max(wanted, kSmallest);
  }
  const std::span bytes(memory_.get(), size);
  file.read(0, bytes);
  return bytes;
}

}  // namespace headrace
