#pragma once

#include <fcntl.h>
#include <string>
#include <unistd.h>

#include "storage/file.h"

namespace headrace {

// Drops the pages of a file that the caller may write from memory. False if they stay there, as on
// file systems that are memory, and on some others.
inline bool drop_pages(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  const auto drop = [descriptor] {
    return descriptor >= 0 && ::fsync(descriptor) == 0 &&
           ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) == 0;
  };
  const File file(path);
  file.expect_random();
  const bool dropped = drop() && file.residency(file.info().size / 2) == Residency::kAbsent;
  // The look itself has asked for a page.
  std::byte byte{};
  file.read_some(file.info().size / 2, {&byte, 1});
  drop();
  ::close(descriptor);
  return dropped;
}

// The pages of a file that are in memory.
inline uint64_t resident_pages(const std::string& path) {
  const File file(path);
  file.expect_random();
  uint64_t pages = 0;
  for (uint64_t at = 0; at < file.info().size; at += 4096) {
    pages += file.residency(at) == Residency::kResident ? 1 : 0;
  }
  return pages;
}

}  // namespace headrace
