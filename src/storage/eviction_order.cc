#include "storage/eviction_order.h"

namespace headrace {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kFortyYears = int64_t{40} * 365 * 24 * 3600 * kNsPerSecond;
constexpr int64_t kFirstLiveTime = 1'000'000'000 * kNsPerSecond;  // in 2001

constexpr int kDeadForOthers = 0;
constexpr int kDeadForThisPass = 1;
constexpr int kUnknown = 2;
constexpr int kUsedInThisPass = 3;

}  // namespace

int64_t dead_since(int64_t now_ns) noexcept { return now_ns - kFortyYears; }

bool is_dead(int64_t modified_ns) noexcept { return modified_ns < kFirstLiveTime; }

EvictionOrder::Rank EvictionOrder::rank_of(const Evictable& shard) const {
  const uint64_t next = next_use_(shard.key);
  if (next != kNoKnownUse) {
    return {next >= kLaterPass ? kDeadForThisPass : kUsedInThisPass, UINT64_MAX - next};
  }
  // Shifted so that times before 1970 come first, too.
  const uint64_t age = static_cast<uint64_t>(shard.modified_ns) ^ (uint64_t{1} << 63);
  return {is_dead(shard.modified_ns) ? kDeadForOthers : kUnknown, age};
}

void EvictionOrder::clear() noexcept {
  order_.clear();
  shards_.clear();
}

void EvictionOrder::add(const Evictable& shard) {
  remove(shard.key);
  const Rank rank = rank_of(shard);
  shards_.emplace(shard.key, std::pair(rank, shard));
  order_.emplace(rank, shard.key);
}

void EvictionOrder::remove(const CacheKey& key) noexcept {
  if (const auto found = shards_.find(key); found != shards_.end()) {
    order_.erase({found->second.first, key});
    shards_.erase(found);
  }
}

std::optional<Evictable> EvictionOrder::take(uint64_t position) {
  for (auto first = order_.begin(); first != order_.end();) {
    const auto [rank, key] = *first;
    const Evictable shard = shards_.at(key).second;
    if (rank_of(shard) != rank) {
      add(shard);  // to where it belongs by now
      first = order_.begin();
      continue;
    }
    const bool own = rank.first == kDeadForThisPass || rank.first == kUsedInThisPass;
    if (own && UINT64_MAX - rank.second <= position) {
      // So are all behind it of its kind.
      first = order_.lower_bound({{rank.first + 1, 0}, {}});
      continue;
    }
    remove(key);
    return shard;
  }
  return std::nullopt;
}

}  // namespace headrace
