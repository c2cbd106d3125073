#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/uuid.h"
#include "storage/cache_layout.h"

namespace headrace {

// Where the shards of a cache lie, and how much room this process may use there.
struct CacheDirectory {
  CachePaths paths;
  Uuid boot = {};  // of this start of the machine; its directory exists
  uint64_t limit_bytes = 0;
  bool is_private = false;  // of this process alone, since locks do not work
};

// How it is told whether locks exclude others: by a file that may be created.
using LockTest = std::function<bool(const std::string& path)>;

// Opens the cache in `directory`, which may be created. Where `test` says that locks do not work,
// and on file systems of another machine or process, it is a new directory below, with a share of
// the limit: `processes` shares, or 8 if that is 0; those of dead processes are removed. Throws
// kInvalid where `directory` is something else; kIo where it cannot be written.
CacheDirectory open_cache_directory(const std::string& directory, uint64_t limit_bytes,
                                    uint64_t processes, const LockTest& test);

// Removes a private directory and what headrace put there; leaves it where something else is in it.
// Throws kIo.
void remove_private_directory(const CachePaths& paths);

// Throws kInvalid unless headrace has made the directory a cache, which its tag says; kNotFound;
// kIo.
void check_cache_directory(const CachePaths& paths);

// The private directories in a cache. Throws kNotFound, kIo.
std::vector<CachePaths> list_private_directories(const CachePaths& paths);

// Removes the private directories in a cache whose processes are dead: those of this start of the
// machine, `boot`, that were not used for an hour, and all that were not for thirty days. Throws
// kNotFound, kIo.
void remove_dead_private_directories(const CachePaths& paths, const Uuid& boot);

// A file that headrace put into a cache.
struct CacheFile {
  CacheFileName name = {};
  Uuid boot = {};  // in whose directory it lies
  uint64_t bytes = 0;
  int64_t modified_ns = 0;
};

// Removes the file `path` of a cache, if it exists, and takes what it was counted as from `used`.
// Throws kIo.
void remove_counted(const std::string& path, uint64_t& used);

struct CacheListing {
  std::vector<CacheFile> files = {};
  std::vector<Uuid> boots = {};           // that have a directory
  std::vector<std::string> foreign = {};  // paths that are not ours, and are left alone
};

// All files of a cache, without those of private directories in it. Throws kNotFound, kIo.
CacheListing list_cache(const CachePaths& paths);

}  // namespace headrace
