#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/uuid.h"
#include "dataset/shard_window.h"
#include "format/manifest.h"

namespace headrace {

// The shards of one remote dataset: which of them this process wants, the cache that they are
// mapped from, and the queue of those that are to be downloaded. It has no threads: whoever
// downloads takes jobs, whoever needs a shard waits for it.
//
// Who reads in an order says so: want() some time ahead with the position of the next use, wait()
// when it is needed, release() when it was used, with the position of the use after that. What is
// wanted beyond the share of this process is wanted later. Positions of later passes begin at
// kLaterPass (eviction_order.h).
//
// Thread-safe. What has threads and locks is made at the first use in a process: a child of fork()
// makes its own, and shares the cache with its parent like any other process.
class ShardStore {
 public:
  // Requires: the shards' encoding is plain.
  ShardStore(const Uuid& dataset, std::shared_ptr<const ShardTable> shards,
             ShardStoreOptions options);
  ~ShardStore();
  ShardStore(const ShardStore&) = delete;
  ShardStore& operator=(const ShardStore&) = delete;

  uint64_t size() const noexcept { return shards_->size(); }

  // Opens the cache, unless this process has. Throws as ShardCache::open.
  void open() const;

  // Wants a shard, whose next use is at `position`; or changes that position. Throws kInvalid for a
  // number that is none, or a shard larger than the cache; as open(); kCancelled after close().
  void want(uint64_t shard, uint64_t position) const;

  // The shard, pinned and mapped; wants it at once if nobody has. Calls `poll` every 50 ms; what it
  // throws ends the call. Throws as want(); what fetching the shard failed with, and it is not
  // wanted any more then: the next call tries again.
  std::shared_ptr<const CachedShard> wait(uint64_t shard, const std::function<void()>& poll) const;

  // Has no more use for the shard before `position`, kNoKnownUse if that is not known. It stays in
  // the cache while there is room, and pinned while somebody holds what wait() returned.
  void release(uint64_t shard, uint64_t position) const;

  // The position of the next use of a shard that is not wanted yet: what is evicted depends on it.
  void set_next_use(uint64_t shard, uint64_t position) const;

  // The next job for a thread that downloads; nothing after `timeout`. Throws kCancelled after
  // close(); as open().
  std::unique_ptr<FetchJob> take(std::chrono::milliseconds timeout) const;

  // What a wanted shard waits for, for messages; empty where it is there or not wanted.
  std::string describe(uint64_t shard) const;

  ShardStoreStats stats() const;

  // What this process may hold ahead of its need, in bytes. Throws as open().
  uint64_t share_bytes() const;

  // All that wait wake and throw kCancelled; what is pinned stays so.
  void close() const;

 private:
  std::shared_ptr<ShardWindow> window() const;

  Uuid dataset_;
  std::shared_ptr<const ShardTable> shards_;
  ShardStoreOptions options_;
  // A shared pointer behind a raw one, since a child must leave the parent's alone, not drop it.
  mutable std::atomic<const std::shared_ptr<ShardWindow>*> window_{nullptr};
};

}  // namespace headrace
