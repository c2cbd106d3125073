#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "dataset/remote_shards.h"

namespace headrace {

// What a shard has turned out to have.
struct ShardCount {
  uint64_t rows = 0;
  uint64_t bytes = 0;  // of its file
};

// Looks at shards [first, stop) in their order, of which nothing need be known: each comes into the
// cache, `ahead` of them at a time, also beyond `stop`, and stays there while there is room: those
// that come first, since they are read first. Calls `poll` every 50 ms. Throws as
// RemoteShards::fetch(). Requires: first <= stop <= shards.table().size().
std::vector<ShardCount> count_shards(const RemoteShards& shards, uint64_t first, uint64_t stop,
                                     uint64_t ahead, const std::function<void()>& poll);

}  // namespace headrace
