#pragma once

#include <string>
#include <vector>

#include "dataset/dataset.h"
#include "dataset/shard_file.h"

namespace headrace {

// The rows of shards and of other Arrow IPC files, one file after another, with a piece for each
// record batch. Reads the metadata of every file now; their rows stay unread. Throws kInvalid when
// the files have different columns or no rows, and as read_shard_layout and File.
DatasetPtr dataset_from_arrow_files(const std::vector<std::string>& paths,
                                    const ShardReading& reading = {});

}  // namespace headrace
