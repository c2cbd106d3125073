#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "base/uuid.h"
#include "dataset/dataset_paths.h"
#include "dataset/leftovers.h"

// How old versions end, and with them files that no later version names.
//
// 1. `retain` (commit.h) writes a version without the oldest shards. Their files stay: who opened a
//    version before it goes on reading.
// 2. remove_dropped() buries the versions that name dropped shards, oldest first, so that before
//    many tombstones in a row are tombstones only. Where it dies half-way the next one goes on.
// 3. Then it removes the files that they named and the versions left do not. What is not removed,
//    since it died before, no version names: it is a leftover, and collected by its age.
namespace headrace {

// Removes version `version`: a tombstone takes the place of its manifest, so that the number is
// never free again. Its shards stay as long as another version names them, and are collected by
// age when none does. Removing it twice is fine. Throws kInvalid for the newest version and for
// one that a later version rests on; kNotFound; kIo. Requires: of the snapshots with their appends,
// the oldest are removed first.
void bury_version(const DatasetPaths& paths, uint64_t version);

struct Removed {
  std::vector<uint64_t> versions = {};  // ascending
  std::vector<Uuid> shards = {};        // whether their files were there or not
  Collected files = {};
};

// Removes the versions that name rows which the newest version does not have any more, and the
// files of shards that only they name, where a later version has been there for `age`, by the file
// system's clock. Versions before `oldest` are known to have been removed, and not looked at.
// Throws kNotFound where there is no dataset; kInvalid as collection_age_ns(); kCorrupt, kIo.
Removed remove_dropped(const DatasetPaths& paths, std::chrono::seconds age, uint64_t oldest = 1);

}  // namespace headrace
