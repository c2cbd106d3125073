#pragma once

#include <algorithm>
#include <chrono>
#include <fcntl.h>
#include <span>
#include <string>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>
#include <vector>

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

// The pages from `address` on, at the start of one, that this process holds mapped.
inline uint64_t held_pages(const void* address, uint64_t bytes) {
  constexpr uint64_t kPresent = uint64_t{1} << 63;
  std::vector<uint64_t> entries((bytes + 4095) / 4096);
  const File file("/proc/self/pagemap");
  const uint64_t first = reinterpret_cast<uintptr_t>(address) / 4096;
  file.read(first * sizeof(uint64_t), std::as_writable_bytes(std::span(entries)));
  return static_cast<uint64_t>(
      std::ranges::count_if(entries, [](uint64_t entry) { return (entry & kPresent) != 0; }));
}

// Waits until so many pages of a file that the caller owns are in memory, without asking for any.
// False if they are not there after ten seconds.
inline bool wait_for_pages(const std::string& path, uint64_t pages) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const auto bytes = static_cast<size_t>(::lseek(descriptor, 0, SEEK_END));
  void* const mapped = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, descriptor, 0);
  ::close(descriptor);
  if (mapped == MAP_FAILED) {
    return false;
  }
  std::vector<unsigned char> resident((bytes + 4095) / 4096);
  const auto are_there = [&] {
    return ::mincore(mapped, bytes, resident.data()) == 0 &&
           static_cast<uint64_t>(std::ranges::count_if(
               resident, [](unsigned char page) { return (page & 1U) != 0; })) >= pages;
  };
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  bool found = are_there();
  while (!found && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    found = are_there();
  }
  ::munmap(mapped, bytes);
  return found;
}

}  // namespace headrace
