#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/uuid.h"
#include "dataset/dataset.h"
#include "dataset/dataset_paths.h"
#include "dataset/made_shards.h"
#include "dataset/remote_shards.h"

namespace headrace {

// The shards of version `version`, 0 for the newest, of the dataset at `url`, whose manifests lie
// in a directory of `paths`. Reads manifests and nothing else; the cache is opened when a shard is
// first wanted. Throws as read_version.
std::shared_ptr<RemoteShards> open_remote_shards(const DatasetPaths& paths, uint64_t version,
                                                 const std::string& url, ShardStoreOptions options);

// Shards that somebody makes when they are wanted.
struct MadeDataset {
  struct Shard {
    Uuid id = {};               // in the cache
    uint64_t content_hash = 0;  // what its rows are told from those of others by
    MadeShards::Shard known = {};
  };

  Uuid id = {};             // of the dataset in the cache
  std::string origin = {};  // what makes them, as messages call it
  Schema schema = {};
  MadeShards::Seen seen = {};
  std::vector<Shard> shards = {};
};

// The shards of `made`, whose jobs are for whoever makes them, in whatever time that takes. Rows
// that are not known can be counted (dataset/shard_counts.h), and not read. Throws kInvalid for an
// empty record batch, and for more rows than can be counted.
std::shared_ptr<RemoteShards> make_remote_shards(MadeDataset made, ShardStoreOptions options);

// Their rows, with a piece for each record batch. Throws as ShardList; kInvalid for no rows.
// Requires: all numbers of rows are known.
DatasetPtr dataset_of_remote_shards(const std::shared_ptr<const RemoteShards>& shards);

}  // namespace headrace
