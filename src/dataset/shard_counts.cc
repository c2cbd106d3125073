#include "dataset/shard_counts.h"

#include <algorithm>
#include <memory>

namespace headrace {
namespace {

std::shared_ptr<const HeldShard> hold(const RemoteShards& shards, uint64_t shard,
                                      const std::function<void()>& poll) {
  auto held = shards.find(shard);
  while (held == nullptr) {
    shards.fetch(shard, poll);
    held = shards.find(shard);
  }
  return held;
}

}  // namespace

std::vector<ShardCount> count_shards(const RemoteShards& shards, uint64_t first, uint64_t stop,
                                     uint64_t ahead, const std::function<void()>& poll) {
  const uint64_t size = shards.table().size();
  // Of those that were counted, the first is used first in the pass that comes after this one.
  shards.store().set_pass_end(size);
  uint64_t wanted = first;
  std::vector<ShardCount> counts;
  for (uint64_t shard = first; shard < stop; ++shard) {
    for (; wanted < std::min(size, shard + ahead); ++wanted) {
      shards.store().want(wanted, wanted);
    }
    const auto held = hold(shards, shard, poll);
    counts.push_back({.rows = held->file().layout.rows, .bytes = held->file().info.size});
    shards.retire(shard, size + shard);
  }
  return counts;
}

}  // namespace headrace
