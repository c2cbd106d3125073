#include "dataset/recent_shards.h"

#include <algorithm>

#include "dataset/remote_shards.h"
#include "storage/cache_layout.h"

namespace headrace {
namespace {

uint64_t charge_of(const HeldShard& shard) { return charged_bytes(shard.file().info.size); }

}  // namespace

void RecentShards::keep(uint64_t shard, std::shared_ptr<const HeldShard> held,
                        uint64_t most_bytes) {
  std::deque<Kept> dropped;
  const std::lock_guard lock(mutex_);
  kept_.emplace_back(shard, std::move(held));
  uint64_t bytes = 0;
  for (const auto& [number, kept] : kept_) {
    bytes += charge_of(*kept);
  }
  while (!kept_.empty() && (kept_.size() > kMost || bytes > most_bytes)) {
    bytes -= charge_of(*kept_.front().second);
    dropped.push_back(std::move(kept_.front()));
    kept_.pop_front();
  }
}

void RecentShards::drop(uint64_t shard) noexcept {
  std::deque<Kept> dropped;
  const std::lock_guard lock(mutex_);
  const auto others = std::stable_partition(kept_.begin(), kept_.end(),
                                            [&](const Kept& kept) { return kept.first != shard; });
  std::move(others, kept_.end(), std::back_inserter(dropped));
  kept_.erase(others, kept_.end());
}

void RecentShards::drop_all() noexcept {
  std::deque<Kept> dropped;
  const std::lock_guard lock(mutex_);
  std::swap(dropped, kept_);
}

}  // namespace headrace
