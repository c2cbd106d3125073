#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace headrace {

// A file in memory that readers open by its path, for one input after another.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    if (descriptor_ < 0) {
      std::abort();
    }
  }

  const std::string& path() const noexcept { return path_; }

  // Replaces what the file holds.
  void hold(const uint8_t* data, size_t size) {
    const bool held = ::ftruncate(descriptor_, 0) == 0 &&
                      ::pwrite(descriptor_, data, size, 0) == static_cast<ssize_t>(size);
    if (!held) {
      std::abort();
    }
  }

 private:
  int descriptor_;
  std::string path_ = "/proc/self/fd/" + std::to_string(descriptor_);
};

}  // namespace headrace
