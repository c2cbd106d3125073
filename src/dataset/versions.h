#pragma once

#include <cstdint>
#include <string>

#include "base/uuid.h"
#include "column/schema.h"
#include "dataset/dataset_paths.h"
#include "format/manifest.h"

// How a dataset's versions are read. Nothing is locked and nothing is listed.
//
// 1. Versions are numbered from 1 without gaps. `latest` is a hint: where the version that it names
//    exists, the search for the newest begins there, otherwise at 1. Its content can make reading
//    slower, never wrong. A number above the newest is an error: it is written last, so a manifest
//    was lost.
// 2. A version is a snapshot, or a snapshot and up to kMaxAppends appends after it, each of which
//    carries the hash of the file before it.
// 3. Manifests never change. A tombstone in the place of one says that the version was removed.
//    Where that happens to the newest while it is read, there is a newer one: again from 1.
namespace headrace {

// How many appends may follow a snapshot.
inline constexpr uint64_t kMaxAppends = 64;

// One version of a dataset, read and checked.
struct DatasetVersion {
  ManifestHeader header = {};  // of its manifest
  ShardTable shards = {};      // of the whole version
  uint64_t xxh3 = 0;       // of the manifest's file, which stands for the content of the version
  uint64_t base_rows = 0;  // of the snapshot
};

// The newest version, or 0 where there is none. Throws kCorrupt where `latest` names a later one;
// kIo.
uint64_t newest_version(const DatasetPaths& paths);

// Reads version `version`, 0 for the newest. With kHeader only its own manifest is looked at, and
// only the header is set. Throws kNotFound where there is no dataset, no such
// version, or it was removed (the message names those there are); kCorrupt naming the manifest;
// kTruncated, kUnsupported, kIo.
DatasetVersion read_version(const DatasetPaths& paths, uint64_t version = 0,
                            ManifestParts parts = ManifestParts::kShards);

}  // namespace headrace
