#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <sys/types.h>
#include <vector>

#include "base/uuid.h"
#include "dataset/next_uses.h"
#include "format/manifest.h"
#include "storage/cached_shard.h"
#include "storage/fetch_queue.h"
#include "storage/shard_cache.h"

namespace headrace {

struct ShardStoreOptions {
  std::string cache_directory = {};
  uint64_t cache_bytes = 0;
  uint64_t processes = 0;   // that will share the cache on this machine; 0: not known
  FetchOptions fetch = {};  // with the URL of the dataset
};

// What a process did with the shards of a store, since it began to use it.
struct ShardStoreStats {
  uint64_t hits = 0;       // wanted shards that were in the cache
  uint64_t fetches = 0;    // that were downloaded
  uint64_t refetches = 0;  // of which this process had downloaded so many before
  uint64_t bytes = 0;      // that came from the store, also in vain
  uint64_t retries = 0;    // tries that failed and were repeated
  uint64_t waits = 0;      // times that somebody had to wait for a shard
  std::chrono::nanoseconds waited{0};
  uint64_t held_bytes = 0;  // pinned or being fetched now
};

// The shards of a remote dataset that one process wants, with its cache and its queue: what
// ShardStore says, for one process. Thread-safe; of no use to a child of fork().
class ShardWindow : public std::enable_shared_from_this<ShardWindow> {
 public:
  // Opens the cache. Throws as ShardCache::open.
  static std::shared_ptr<ShardWindow> open(const Uuid& dataset,
                                           std::shared_ptr<const ShardTable> shards,
                                           const ShardStoreOptions& options);

  pid_t process() const noexcept { return process_; }
  FetchQueue& queue() const noexcept { return *queue_; }

  void want(uint64_t shard, uint64_t position);
  std::shared_ptr<const CachedShard> wait(uint64_t shard, const std::function<void()>& poll);
  void release(uint64_t shard, uint64_t position);
  void set_next_use(uint64_t shard, uint64_t position);
  std::unique_ptr<FetchJob> take(std::chrono::milliseconds timeout);
  ShardStoreStats stats() const;
  uint64_t share_bytes();

 private:
  // A shard that is wanted.
  struct Slot {
    uint64_t position = 0;
    std::shared_ptr<const KeyPin> pin = nullptr;  // counted in held_ while it is there
    std::shared_ptr<const CachedShard> ready = nullptr;
    std::weak_ptr<Reservation> reservation = {};      // the queue's, while it is fetched
    std::unique_ptr<const KeyClaim> claim = nullptr;  // while `unchecked` is checked
    std::string unchecked = {};
    bool check_failed = false;
  };

  ShardWindow(const Uuid& dataset, std::shared_ptr<const ShardTable> shards,
              const ShardStoreOptions& options);

  FetchRequest request(uint64_t shard, uint64_t position) const;
  uint64_t charge(uint64_t shard) const { return charged_bytes(shards_->stored_bytes[shard]); }
  void check_number(uint64_t shard) const;

  FetchStart start(const FetchRequest& request, bool urgent);
  FetchStart start_claimed(const FetchRequest& request, std::unique_ptr<const KeyClaim> claim);
  FetchStart reserve(const FetchRequest& request, std::unique_ptr<const KeyClaim> claim);
  bool check(const FetchRequest& request);
  void admit(const FetchRequest& request);

  // Nothing where the shard is not wanted any more, or is there.
  std::shared_ptr<const KeyPin> pin_of(uint64_t shard);
  void unpin(uint64_t shard);
  bool fits_share(const FetchRequest& request);
  void settle(uint64_t shard, std::shared_ptr<const CachedShard> ready, bool hit);
  bool give_back(uint64_t position);
  void shrink_to_share();
  std::shared_ptr<const CachedShard> ready(uint64_t shard);
  std::shared_ptr<const CachedShard> wait_until_ready(uint64_t shard,
                                                      const std::function<void()>& poll);
  void forget(uint64_t shard);
  Slot take_slot(uint64_t shard);

  const pid_t process_;
  const std::shared_ptr<const ShardTable> shards_;
  const std::shared_ptr<NextUses> next_uses_;
  const std::shared_ptr<ShardCache> cache_;
  std::shared_ptr<FetchQueue> queue_;  // whose hooks do not keep this alive

  mutable std::mutex mutex_;  // never held while the cache or the queue is called
  std::map<uint64_t, Slot> slots_;
  std::map<uint64_t, uint32_t> waiting_;  // how many threads wait for a shard
  std::vector<bool> fetched_;
  ShardStoreStats stats_ = {};
  uint64_t share_ = 0;
  std::chrono::steady_clock::time_point share_until_ = {};
};

}  // namespace headrace
