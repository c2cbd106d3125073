#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "dataset/made_shards.h"
#include "format/manifest.h"
#include "storage/fetch_entry.h"
#include "storage/shard_cache.h"

namespace headrace {

// What a shard from a store takes of a cache. Requires: shard < shards.size().
ShardRoom room_of(const ShardTable& shards, size_t shard);

// What the shards of a dataset take of a cache, and what is asked of whoever fetches or makes them.
// Thread-safe. All require: shard < the number of shards.
class ShardRooms {
 public:
  // `made`: null where the shards come from a store.
  ShardRooms(std::shared_ptr<const ShardTable> shards, std::shared_ptr<MadeShards> made)
      : shards_(std::move(shards)), made_(std::move(made)) {}

  const MadeShards* made() const noexcept { return made_.get(); }

  // What a shard takes; of one that is made, as far as is known by now.
  ShardRoom room(size_t shard) const;

  // What it takes at least, which is all that may be held against who wants it.
  ShardRoom least_room(size_t shard) const;

  // Whether what is known of its size may be wrong.
  bool is_estimate(size_t shard) const noexcept {
    return made_ != nullptr && !made_->is_known(shard);
  }

  // Bytes that its file has in the cache, or has at most.
  uint64_t most_kept(size_t shard) const;

  // The request for it, whose next use is at `position`.
  FetchRequest request(size_t shard, uint64_t position) const;

  // The room that whoever takes the request will have: an estimate may have changed since.
  ShardRoom room_of_request(const FetchRequest& request) const;

  // Its file has turned out to have, or to need, so many bytes. Nothing of what a store has.
  void learn(size_t shard, uint64_t bytes) const noexcept;

 private:
  std::shared_ptr<const ShardTable> shards_;
  std::shared_ptr<MadeShards> made_;
};

}  // namespace headrace
