#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <sys/types.h>

#include "base/uuid.h"
#include "dataset/cache_share.h"
#include "dataset/made_shards.h"
#include "dataset/next_uses.h"
#include "dataset/shard_admission.h"
#include "dataset/shard_rooms.h"
#include "dataset/shard_slots.h"
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
  std::chrono::milliseconds tell_after{5000};  // a wait as long is told on stderr
  LockTest lock_test = locks_exclude;
  // Shards that no store has: who takes their jobs makes them. Null of a store's.
  std::shared_ptr<MadeShards> made = nullptr;
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

  // For ShardPass: a number of a pass, for the other calls with one; want() and so on of it.
  uint64_t begin_pass(uint64_t length) { return next_uses_->begin_pass(length); }
  void end_pass(uint64_t pass) noexcept;
  void want(uint64_t pass, uint64_t shard, uint64_t position);
  void release(uint64_t pass, uint64_t shard, uint64_t position,
               const std::function<void()>& retire);
  void set_next_use(uint64_t pass, uint64_t shard, uint64_t position);
  void advance(uint64_t pass, uint64_t position) { next_uses_->advance(pass, position); }

  std::shared_ptr<const CachedShard> wait(uint64_t shard, const std::function<void()>& poll,
                                          const std::function<bool()>& first = {});
  std::shared_ptr<const CachedShard> find(uint64_t shard);
  void ask(uint64_t shard);
  void let_go(uint64_t shard);
  std::shared_ptr<FetchQueue> jobs();
  ShardStoreStats stats() const;
  uint64_t share_bytes(uint64_t expected = 1) {
    return std::min(share_.bytes(), cache_->share_among(expected));
  }
  uint64_t limit_bytes() const { return cache_->limit_bytes(); }
  CacheId cache() const { return cache_->turns().cache(); }
  std::unique_ptr<const WaitingTurn> take_turn() { return cache_->turns().take(); }
  void when_called(std::function<void()> give_up);

 private:
  ShardWindow(const Uuid& dataset, std::shared_ptr<const ShardTable> shards,
              const ShardStoreOptions& options);

  uint64_t fetch_charge(uint64_t shard) const { return rooms_.room(shard).charge(); }
  void check_number(uint64_t shard) const;
  void want_as(uint64_t shard, const ShardSlots::Want& want);
  void want_unnamed(uint64_t shard, uint64_t position);
  void push(uint64_t shard);
  void drop(uint64_t shard, ShardSlots::Slot gone);
  // Its next use in a pass that goes on, or `otherwise` if none is known.
  uint64_t position_of(uint64_t shard, uint64_t otherwise) const {
    const uint64_t next = next_uses_->next_use(shard);
    return next < kLaterPass ? next : otherwise;
  }

  FetchStart start(const FetchRequest& request, bool urgent);
  FetchStart start_claimed(const FetchRequest& request, std::unique_ptr<const KeyClaim> claim,
                           bool urgent);
  FetchStart reserve(const FetchRequest& request, std::unique_ptr<const KeyClaim> claim,
                     bool urgent);
  void call_for_room(const FetchRequest& request);
  std::shared_ptr<Reservation> reserve_rest(const FetchRequest& request,
                                            std::unique_ptr<const KeyClaim>& claim);
  bool check(const FetchRequest& request);
  void admit(const FetchRequest& request);

  // Nothing where the shard is not wanted any more, or is there.
  std::shared_ptr<const KeyPin> pin_of(uint64_t shard);
  bool fits_share(const FetchRequest& request);
  void settle(uint64_t shard, std::shared_ptr<const CachedShard> ready, bool hit);
  bool give_back(uint64_t position, bool urgent = false);
  void give_others_room();
  std::shared_ptr<const CachedShard> wait_counted(uint64_t shard, const std::function<void()>& poll,
                                                  const std::function<bool()>& first);
  std::shared_ptr<const CachedShard> wait_until_ready(uint64_t shard,
                                                      const std::function<void()>& poll,
                                                      const std::function<bool()>& first,
                                                      uint64_t failed_before);
  const pid_t process_;
  const std::shared_ptr<const ShardTable> shards_;
  const ShardRooms rooms_;
  const std::shared_ptr<NextUses> next_uses_;
  const std::shared_ptr<ShardCache> cache_;
  ShardAdmission admission_;
  std::shared_ptr<FetchQueue> queue_;  // whose hooks do not keep this alive

  ShardSlots slots_;
  CacheShare share_;

  std::mutex give_up_mutex_;
  std::function<void()> give_up_;
};

}  // namespace headrace
