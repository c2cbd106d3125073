#pragma once

#include <filesystem>
#include <string>

#include "base/uuid.h"
#include "storage/cache_layout.h"

namespace headrace {

// As if the machine had started again: what is in a cache is what an earlier boot has left there.
// Returns the directory of that boot. Requires: nobody has the cache open.
inline std::string restart_machine(const std::string& cache) {
  const CachePaths paths(cache);
  const std::string before = paths.boot(make_uuid());
  std::filesystem::rename(paths.boot(boot_id()), before);
  return before;
}

}  // namespace headrace
