#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/uuid.h"
#include "format/manifest.h"
#include "storage/cache_layout.h"
#include "storage/eviction_order.h"

namespace headrace {

// The position of the next use of each shard of a dataset, as far as it is known: 12 bytes a shard.
// Positions go on from pass to pass, and are below 2^62. Thread-safe.
class NextUses {
 public:
  // `made`: whether the shards are made here, and stored nowhere.
  NextUses(const Uuid& dataset, std::shared_ptr<const ShardTable> shards, bool made = false);

  // Requires: shard < the number of shards.
  CacheKey key(size_t shard) const noexcept;

  // Requires: as key().
  void set(size_t shard, uint64_t position);

  // As it was set. Requires: as key().
  uint64_t position(size_t shard) const;

  // Positions from `end` on are of later passes.
  void set_pass_end(uint64_t end) noexcept { pass_end_ = end; }

  // The position that every use of this pass is before, and none of a later one.
  uint64_t last_of_pass() const noexcept {
    return std::clamp<uint64_t>(pass_end_, 1, kLaterPass) - 1;
  }

  // A position as EvictionOrder counts them.
  uint64_t ranked(uint64_t position) const noexcept;

  // The ranked position of a shard's next use; kNoKnownUse also for what is not of this dataset.
  uint64_t next_use(const CacheKey& key) const;

 private:
  Uuid dataset_;
  std::shared_ptr<const ShardTable> shards_;
  bool made_;
  std::vector<uint32_t> by_id_;  // the numbers of the shards, sorted by id
  std::atomic<uint64_t> pass_end_{kNoKnownUse};
  mutable std::mutex mutex_;
  std::vector<uint64_t> positions_;
};

}  // namespace headrace
