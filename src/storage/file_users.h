#pragma once

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace headrace {

// A run of bytes of a file that is locked.
struct LockedBytes {
  uint64_t first = 0;
  uint64_t last = 0;  // included
};

// A process that has a file open, and what its openings have locked of it.
struct FileUser {
  pid_t process = 0;
  std::string program = {};  // its name, without arguments, which may hold secrets
  std::vector<LockedBytes> locked = {};

  bool has_locked(uint64_t at) const noexcept;
};

// The processes that have locks on bytes of the file `path` (try_lock_byte), as far as /proc shows
// them to this user: the lock itself does not say whose it is. In the order of their numbers. Those
// of other containers are not seen. Throws kNotFound, kIo for `path`.
std::vector<FileUser> users_of_locks(const std::string& path);

}  // namespace headrace
