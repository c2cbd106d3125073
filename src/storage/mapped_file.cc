#include "storage/mapped_file.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <fstream>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

namespace headrace {
namespace {

constexpr uint64_t kLinuxDefaultMaps = 65530;

// Mirrors a limit that the kernel keeps per process.
std::atomic<uint64_t> open_maps{0};

uintptr_t page_size() {
  static const auto kSize = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  return kSize;
}

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::open(const File& file) {
  const uint64_t size = file.info().size;
  if (size == 0) {
    return nullptr;
  }
  std::shared_ptr<MappedFile> mapped(new MappedFile(file));
  if (open_maps.fetch_add(1) >= max_maps()) {
    --open_maps;
    return nullptr;
  }
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.descriptor(), 0);
  if (data == MAP_FAILED) {  // NOLINT(performance-no-int-to-ptr): the macro's own cast
    const int error_number = errno;
    --open_maps;
    if (error_number == ENOMEM || error_number == ENODEV) {
      return nullptr;
    }
    throw system_error("cannot be mapped", file.path(), error_number);
  }
  // Without it the kernel reads up to megabytes around each page that is touched.
  static_cast<void>(::madvise(data, size, MADV_RANDOM));
  mapped->data_ = static_cast<const std::byte*>(data);
  return mapped;
}

MappedFile::MappedFile(const File& file) : path_(file.path()), info_(file.info()) {}

MappedFile::~MappedFile() {
  if (data_ != nullptr) {
    ::munmap(const_cast<std::byte*>(data_), info_.size);
    --open_maps;
  }
}

bool MappedFile::contains(const void* address) const noexcept {
  const auto* at = static_cast<const std::byte*>(address);
  return at >= data_ && at < data_ + info_.size;
}

void MappedFile::advise(const std::byte* address, uint64_t bytes, Advice advice) const noexcept {
  const auto from = reinterpret_cast<uintptr_t>(address);
  const uintptr_t first = from & ~(page_size() - 1);
  if (advice == Advice::kUsed) {
    const uint64_t size = from + bytes - first;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): as below
    static_cast<void>(::madvise(reinterpret_cast<void*>(first), size, MADV_DONTNEED));
    return;
  }
  for (uintptr_t at = first; at < from + bytes; at += kReadAheadStep) {
    const uint64_t step = std::min<uint64_t>(kReadAheadStep, from + bytes - at);
    // NOLINTNEXTLINE(performance-no-int-to-ptr): rounded to the page that `address` lies in
    static_cast<void>(::madvise(reinterpret_cast<void*>(at), step, MADV_WILLNEED));
  }
}

void MappedFile::check_size() const {
  struct stat status = {};
  if (::stat(path_.c_str(), &status) != 0) {
    return;  // deleted or out of reach: the map still holds the whole file
  }
  const bool same = static_cast<uint64_t>(status.st_dev) == info_.device &&
                    static_cast<uint64_t>(status.st_ino) == info_.inode;
  if (same && static_cast<uint64_t>(status.st_size) < info_.size) {
    throw truncated_error(path_, info_.size, static_cast<uint64_t>(status.st_size));
  }
}

void MappedFile::hide_from_children() const noexcept {
  static_cast<void>(::madvise(const_cast<std::byte*>(data_), info_.size, MADV_DONTFORK));
}

uint64_t MappedFile::max_maps() {
  static const uint64_t kLimit = [] {
    uint64_t allowed = kLinuxDefaultMaps;
    std::ifstream file("/proc/sys/vm/max_map_count");
    file >> allowed;
    return (file ? allowed : kLinuxDefaultMaps) / 2;
  }();
  return kLimit;
}

}  // namespace headrace
