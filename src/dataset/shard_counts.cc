#include "dataset/shard_counts.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "storage/eviction_order.h"

namespace headrace {

ShardCounter::ShardCounter(std::shared_ptr<const RemoteShards> shards, uint64_t ahead)
    : shards_(std::move(shards)),
      ahead_(ahead),
      pass_(shards_->store().begin_pass(shards_->table().size())) {}

std::vector<ShardCount> ShardCounter::count_to(uint64_t stop, const std::function<void()>& poll) {
  const uint64_t size = shards_->table().size();
  std::vector<ShardCount> counts;
  for (; counted_ < stop; ++counted_) {
    for (; wanted_ < std::min(size, counted_ + ahead_); ++wanted_) {
      pass_->want(wanted_, wanted_);
    }
    const auto held = shards_->hold(counted_, poll);
    counts.push_back({.rows = held->file().layout.rows, .bytes = held->file().info.size});
    // Of those that were counted, the first is used first in the pass that comes after this one.
    shards_->retire(*pass_, counted_, kLaterPass + counted_);
  }
  return counts;
}

}  // namespace headrace
