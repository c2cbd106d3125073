#pragma once

#include <cstdint>
#include <string>

// Locks that the kernel keeps for an open file, and takes back when the last descriptor of it is
// closed, also by death. They are of the opening, not of the process: two openings exclude each
// other within a process, and the threads that use one do not.
namespace headrace {

enum class LockKind : uint8_t { kNone, kShared, kExclusive };

// Takes, changes or gives back (kNone) the lock on byte `at` of the open file, which need not have
// so many bytes; false where another opening's lock forbids it. Throws kIo, naming `path`.
bool try_lock_byte(int descriptor, uint64_t at, LockKind kind, const std::string& path);

// How many of the bytes [first, last) other openings have locked, each of which has locked no two
// neighbours. Takes two system calls for each, and one. Throws kIo.
uint64_t count_locked_bytes(int descriptor, uint64_t first, uint64_t last, const std::string& path);

// Takes the exclusive lock of the whole file, which is apart from those of bytes; false where
// another opening has it. Throws kIo.
bool try_lock_file(int descriptor, const std::string& path);

void unlock_file(int descriptor) noexcept;

// Whether locks of both kinds exclude others in the directory of `path`, a file that may be
// created: a second one, of another opening, must fail. False also where there are no locks. Throws
// kIo where the file cannot be opened.
bool locks_exclude(const std::string& path);

}  // namespace headrace
