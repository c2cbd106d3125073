#include "storage/file_locks.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"
#include "storage/descriptor.h"
#include "storage/interrupts.h"

namespace headrace {
namespace {

constexpr mode_t kFileMode = 0666;  // less the process's umask

// The self-test's own byte: nobody else locks it.
constexpr uint64_t kTestByte = uint64_t{1} << 62;

struct flock lock_of(uint64_t at, short type) {
  struct flock lock = {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(at);
  lock.l_len = 1;
  return lock;
}

short type_of(LockKind kind) noexcept {
  return kind == LockKind::kNone ? F_UNLCK : kind == LockKind::kShared ? F_RDLCK : F_WRLCK;
}

bool bytes_exclude(int first, int second, const std::string& path) {
  // Where somebody else has the byte, he is testing, too, and locks work.
  if (!try_lock_byte(first, kTestByte, LockKind::kExclusive, path)) {
    return true;
  }
  const bool granted_twice = try_lock_byte(second, kTestByte, LockKind::kExclusive, path);
  try_lock_byte(first, kTestByte, LockKind::kNone, path);
  return !granted_twice;
}

bool files_exclude(int first, int second, const std::string& path) {
  if (!try_lock_file(first, path)) {
    return true;
  }
  const bool granted_twice = try_lock_file(second, path);
  unlock_file(first);
  return !granted_twice;
}

}  // namespace

bool try_lock_byte(int descriptor, uint64_t at, LockKind kind, const std::string& path) {
  struct flock lock = lock_of(at, type_of(kind));
  if (retry_interrupted([&] { return ::fcntl(descriptor, F_OFD_SETLK, &lock); }) == 0) {
    return true;
  }
  if (errno == EAGAIN) {
    return false;
  }
  throw system_error("cannot be locked", path, errno);
}

uint64_t count_locked_bytes(int descriptor, uint64_t first, uint64_t last,
                            const std::string& path) {
  if (first >= last) {
    return 0;
  }
  struct flock lock = lock_of(first, F_WRLCK);
  lock.l_len = static_cast<off_t>(last - first);
  if (retry_interrupted([&] { return ::fcntl(descriptor, F_OFD_GETLK, &lock); }) != 0) {
    throw system_error("cannot be asked for locks", path, errno);
  }
  if (lock.l_type == F_UNLCK) {
    return 0;
  }
  // One of them, not the first: others lie on either side.
  const auto found = static_cast<uint64_t>(lock.l_start);
  return 1 + count_locked_bytes(descriptor, first, found, path) +
         count_locked_bytes(descriptor, found + 1, last, path);
}

bool try_lock_file(int descriptor, const std::string& path) {
  if (retry_interrupted([&] { return ::flock(descriptor, LOCK_EX | LOCK_NB); }) == 0) {
    return true;
  }
  if (errno == EWOULDBLOCK) {
    return false;
  }
  throw system_error("cannot be locked", path, errno);
}

void unlock_file(int descriptor) noexcept { static_cast<void>(::flock(descriptor, LOCK_UN)); }

bool locks_exclude(const std::string& path) {
  const Descriptor first = Descriptor::open(path, O_RDWR | O_CREAT | O_NOFOLLOW, kFileMode);
  const Descriptor second = Descriptor::open(path, O_RDWR | O_NOFOLLOW);
  if (!first || !second) {
    throw system_error("cannot be opened", path, errno);
  }
  try {
    return bytes_exclude(first.get(), second.get(), path) &&
           files_exclude(first.get(), second.get(), path);
  } catch (const Error&) {
    return false;
  }
}

}  // namespace headrace
