#pragma once

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

#include "storage/cache_directory.h"

namespace headrace {

enum class CacheFileUse : uint8_t {
  kFree,      // a shard that nobody needs now
  kPinned,    // a shard that some process needs
  kFetched,   // of a shard that some process is fetching
  kLeftover,  // of a shard whose fetching has ended: its process died
};

struct ReportedFile {
  CacheFile file = {};
  CacheFileUse use = CacheFileUse::kFree;
};

// A process that uses a cache.
struct CacheUser {
  pid_t process = 0;
  std::string program = {};
  uint64_t pinned_shards = 0;  // of those that are there
  uint64_t pinned_bytes = 0;
  uint64_t fetched_shards = 0;  // that it is fetching
};

// What lies in a cache, and who uses it.
struct CacheReport {
  std::string directory = {};
  uint64_t limit_bytes = 0;  // of the process that used it last; 0: none has said it
  Uuid boot = {};            // this start of the machine: shards of others are checked before use
  std::vector<ReportedFile> files = {};
  std::vector<CacheUser> users = {};
  uint64_t unseen_users = 0;               // of other users or containers
  std::vector<std::string> foreign = {};   // paths that are not ours
  std::vector<CacheReport> privates = {};  // of single processes, where locks do not work
};

// Looks at the cache in `directory`, and changes nothing; processes may use it meanwhile. Two
// system calls for each file. Throws kNotFound; kInvalid for a directory that is no cache; kIo.
CacheReport report_cache(const std::string& directory);

}  // namespace headrace
