#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/uuid.h"
#include "format/manifest.h"
#include "storage/cache_layout.h"
#include "storage/eviction_order.h"

namespace headrace {

// The position of the next use of each shard of a dataset, as far as it is known: 12 bytes a shard.
// Thread-safe.
class NextUses {
 public:
  NextUses(const Uuid& dataset, std::shared_ptr<const ShardTable> shards);

  // Requires: shard < the number of shards.
  CacheKey key(size_t shard) const noexcept;

  // Requires: as key().
  void set(size_t shard, uint64_t position);

  // kNoKnownUse also for shards that are not of this dataset.
  uint64_t position(const CacheKey& key) const;

 private:
  Uuid dataset_;
  std::shared_ptr<const ShardTable> shards_;
  std::vector<uint32_t> by_id_;  // the numbers of the shards, sorted by id
  mutable std::mutex mutex_;
  std::vector<uint64_t> positions_;
};

}  // namespace headrace
