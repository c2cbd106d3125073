#include "storage/bulk_load.h"

#include <algorithm>
#include <fcntl.h>
#include <span>
#include <sys/mman.h>
#include <unistd.h>

namespace headrace {
namespace {

constexpr uint64_t kBufferBytes = uint64_t{256} << 10;

// Of Linux 5.14; older headers do not have it.
constexpr int kPopulateRead = 22;

}  // namespace

BulkLoad::BulkLoad(const std::string& path, const std::optional<FileInfo>& expected)
    : file_(path, expected) {
  static_cast<void>(::posix_fadvise(file_.descriptor(), 0, 0, POSIX_FADV_SEQUENTIAL));
  const uint64_t size = file_.info().size;
  if (size == 0 || file_.file_system() == FileSystemKind::kRemote) {
    return;
  }
  void* map = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file_.descriptor(), 0);
  if (map != MAP_FAILED) {  // NOLINT(performance-no-int-to-ptr): the macro's own cast
    static_cast<void>(::madvise(map, size, MADV_SEQUENTIAL));
    map_ = static_cast<std::byte*>(map);
  }
}

BulkLoad::~BulkLoad() {
  if (map_ != nullptr) {
    ::munmap(map_, file_.info().size);
  }
}

// False if the kernel cannot, or the file has become shorter.
bool BulkLoad::populate(uint64_t offset, uint64_t bytes) noexcept {
  if (map_ == nullptr) {
    return false;
  }
  static const auto kPage = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  const uint64_t first = offset / kPage * kPage;
  const uint64_t length = offset + bytes - first;
  const bool populated = ::madvise(map_ + first, length, kPopulateRead) == 0;
  // The pages stay in memory; that this process maps them would only count as its own.
  static_cast<void>(::madvise(map_ + first, length, MADV_DONTNEED));
  return populated;
}

void BulkLoad::load(uint64_t offset, uint64_t bytes) {
  const uint64_t size = file_.info().size;
  const uint64_t end = std::min(size, offset + bytes);
  if (offset >= end || populate(offset, end - offset)) {
    return;
  }
  buffer_.resize(kBufferBytes);
  for (uint64_t at = offset; at < end; at += kBufferBytes) {
    const uint64_t part = std::min(kBufferBytes, end - at);
    static_cast<void>(file_.read_some(at, std::span(buffer_).first(part)));
  }
}

}  // namespace headrace
