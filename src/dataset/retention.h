#pragma once

#include <cstdint>

#include "dataset/dataset_paths.h"

namespace headrace {

// Removes version `version`: a tombstone takes the place of its manifest, so that the number is
// never free again. Its shards stay as long as another version names them, and are collected by
// age when none does. Removing it twice is fine. Throws kInvalid for the newest version and for
// one that a later version rests on; kNotFound; kIo.
void bury_version(const DatasetPaths& paths, uint64_t version);

}  // namespace headrace
