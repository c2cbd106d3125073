#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/uuid.h"
#include "column/schema.h"
#include "dataset/dataset_paths.h"
#include "format/manifest.h"

// How shards become a dataset's: any number of writers, in any processes, without locks.
//
// 1. Shards are durable before they are named here (storage/durable_file.h).
// 2. Read the newest version. The next one names its shards and the new ones, and carries a UUID of
//    this commit.
// 3. Put its manifest under the next number, if that is free: this is the commit. Until then nobody
//    sees anything of it, and afterwards everybody sees all of it.
// 4. Where the number was taken, read forward: a manifest with the UUID of this commit is its own,
//    whose answer was lost. Otherwise again from 2.
// 5. Only then move `latest`, and where a snapshot was written, collect leftovers.
namespace headrace {

// How old a shard that no version names has to be before a writer removes it.
inline constexpr std::chrono::seconds kCollectionAge = std::chrono::hours(7 * 24);

// Which of the shards that a dataset has stay in it: its newest ones. They stay whole, and the last
// one stays always.
struct Retain {
  uint64_t shards = 0;  // at least so many of them, if there are
  uint64_t rows = 0;    // and so many that they have at least so many rows
};

struct CommitRequest {
  // Of the shards. The first commit makes it the dataset's; later ones must bring the same, except
  // that csr columns may be narrower. Of no account with `retain`.
  Schema schema = {};
  std::vector<ShardEntry> entries = {};         // in row order; none: only metadata, or a snapshot
  std::string metadata = "{}";                  // a JSON object: keys that change; null removes one
  bool replace_metadata = false;                // drops the keys of earlier versions first
  std::optional<Retain> retain = std::nullopt;  // drops the shards before these; with no entries
  bool snapshot = false;                        // writes a snapshot whatever the rules say
  // That of the collections which may run meanwhile. Shards older than half of it are refused.
  std::chrono::seconds collection_age = kCollectionAge;
  // Whether the files of the shards lie in this directory, and are looked at. Otherwise they are in
  // a store whose manifests this directory mirrors: the caller has looked there.
  bool files_here = true;
};

struct CommitResult {
  uint64_t version = 0;
  Uuid commit = {};
  uint64_t rows = 0;  // of the version
};

// Adds shards to the dataset, which the first commit creates. Throws kInvalid for a schema that is
// not the dataset's (naming the column), entries beside `retain`, entries twice, already there,
// without their file, of another size, or too old; kCorrupt when the newest version cannot be read;
// kIo. Nothing is visible after an error, with one exception that the message names: where the
// manifest has its name and the directory could not be synchronised.
//
// Where `retain` has nothing to drop, no version is written: the result is the newest there is.
// Throws kNotFound where there is no dataset to drop shards of.
CommitResult commit_shards(const DatasetPaths& paths, const CommitRequest& request);

// Makes the directories of a dataset, durably; fine where they exist. Throws as
// create_directories_durably().
void create_dataset_directories(const DatasetPaths& paths);

}  // namespace headrace
