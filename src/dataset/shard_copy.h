#pragma once

#include "dataset/dataset_paths.h"
#include "dataset/reader.h"
#include "format/manifest.h"

namespace headrace {

// Copies the shard of `entry`, which a version of `from` names, into `to` without compression, and
// makes it durable under an id of its own. Returns what a manifest of `to` then says of it; until
// one does, nobody sees it. Rows, their order and their record batches stay.
//
// Every byte is compared with the hash in `entry` before a byte of it is expanded. Throws
// kNotFound; kCorrupt, kTruncated where the file is not that of the entry, or as expand_shard();
// kIo; what `poll` throws, which is called every few hundred kilobytes. Nothing stays behind then.
// Requires: the directories of `to` exist.
ShardEntry copy_expanded(const DatasetPaths& from, const ShardEntry& entry, const DatasetPaths& to,
                         const Poll& poll);

}  // namespace headrace
