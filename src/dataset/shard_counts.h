#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "dataset/remote_shards.h"

namespace headrace {

// What a shard has turned out to have.
struct ShardCount {
  uint64_t rows = 0;
  uint64_t bytes = 0;  // of its file
};

// A pass that looks at shards in their order, of which nothing need be known: each comes into the
// cache, `ahead` of them at a time, and stays there while there is room: those that come first,
// since they are read first. For one thread at a time.
class ShardCounter {
 public:
  // Throws as ShardStore::begin_pass().
  ShardCounter(std::shared_ptr<const RemoteShards> shards, uint64_t ahead);

  // Looks at shards up to `stop`, from where it stopped before; those behind are on their way then.
  // Calls `poll` every 50 ms. Throws as RemoteShards::fetch(). Requires: stop <= the number of
  // shards.
  std::vector<ShardCount> count_to(uint64_t stop, const std::function<void()>& poll);

 private:
  std::shared_ptr<const RemoteShards> shards_;
  uint64_t ahead_;
  std::unique_ptr<ShardPass> pass_;
  uint64_t counted_ = 0;
  uint64_t wanted_ = 0;
};

}  // namespace headrace
