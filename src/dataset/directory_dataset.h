#pragma once

#include <cstdint>

#include "dataset/dataset.h"
#include "dataset/dataset_paths.h"
#include "dataset/shard_file.h"

namespace headrace {

// The rows of version `version` of a dataset's directory, 0 for the newest, with a piece for each
// record batch. Reads manifests and nothing else: shards are opened when their rows are first
// wanted, and refused where they are not what the manifest says. Throws as read_version; as
// ShardList; kInvalid for a version without rows.
DatasetPtr dataset_from_directory(const DatasetPaths& paths, uint64_t version,
                                  const ShardReading& reading = {});

}  // namespace headrace
