#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace headrace {

// What clean_cache() removed and kept; bytes as the limit counts them.
struct CacheCleaning {
  uint64_t removed_shards = 0;
  uint64_t removed_leftovers = 0;  // files of shards that dead processes had been fetching
  uint64_t removed_bytes = 0;
  uint64_t kept_shards = 0;  // that some process needs, or is fetching
  uint64_t kept_bytes = 0;
};

// Removes from the cache in `directory` all that no process needs now, and nothing that headrace
// has not put there. Processes may use the cache meanwhile: they fetch again what they need later.
// Private directories go when their process is dead (remove_dead_private_directories). Calls `poll`
// before each file; what it throws ends the call. Throws kNotFound; kInvalid for a directory that
// is no cache; kIo.
CacheCleaning clean_cache(const std::string& directory, const std::function<void()>& poll);

}  // namespace headrace
