#pragma once

#include <cerrno>
#include <unistd.h>

namespace headrace {

// How many descriptors are open, by a system call that nothing else here makes: faults of other
// calls leave the count alone.
inline int open_descriptors() {
  constexpr int kMostDescriptors = 64;
  int count = 0;
  for (int fd = 0; fd < kMostDescriptors; ++fd) {
    count += ::lseek(fd, 0, SEEK_CUR) >= 0 || errno != EBADF ? 1 : 0;
  }
  return count;
}

}  // namespace headrace
