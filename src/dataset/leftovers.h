#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

#include "base/uuid.h"
#include "dataset/dataset_paths.h"

namespace headrace {

struct Collected {
  uint64_t files = 0;
  uint64_t bytes = 0;

  bool operator==(const Collected&) const = default;
};

// The file system's own time, which is what it stamps files with: other machines may write to it.
// Throws kNotFound, kIo.
int64_t file_clock_ns(const DatasetPaths& paths);

// `age` in nanoseconds. Throws kInvalid for one that is negative or above a hundred years.
int64_t collection_age_ns(std::chrono::seconds age);

// Those of `ids` that no version names, sorted. Versions before `oldest` are known to have been
// removed, and not looked at; nor are those before the one that names the last of them. Throws
// kCorrupt, kNotFound where a version cannot be read; kIo. Requires: oldest > 0.
std::vector<Uuid> unnamed_shards(const DatasetPaths& paths, std::span<const Uuid> ids,
                                 uint64_t oldest = 1);

// Removes what killed writers left: shards that no version names and unfinished files, if the file
// system's clock says that they are at least `age` old. Files of other names are never touched.
// Where a version cannot be read, nothing is removed and its error is thrown. Throws kInvalid as
// collection_age_ns(); kIo.
// Requires: no writer commits shards that are older than age / 2 (CommitRequest::collection_age).
Collected collect_leftovers(const DatasetPaths& paths, std::chrono::seconds age);

// Removes those of `ids` that the newest version does not name: what a writer has left of a commit
// that failed. Right after any error, also where the commit happened and its answer was lost. Where
// the newest version cannot be read, nothing is removed. Throws kCorrupt, kIo.
Collected remove_uncommitted(const DatasetPaths& paths, std::span<const Uuid> ids);

}  // namespace headrace
