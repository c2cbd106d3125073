#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <sys/types.h>

#include "base/uuid.h"
#include "dataset/shard_window.h"
#include "format/manifest.h"
#include "storage/fetch_queue.h"

namespace headrace {

// The shards of one remote dataset: which of them this process wants, the cache that they are
// mapped from, and the queue of those that are to be downloaded. It has no threads: whoever
// downloads takes jobs, whoever needs a shard waits for it.
//
// Who reads in an order says so: want() some time ahead with the position of the next use, wait()
// when it is needed, release() when it was used, with the position of the use after that. What is
// wanted beyond the share of this process is fetched later. Positions are those of some order that
// goes on from pass to pass, and are below 2^62.
//
// Thread-safe. What has threads and locks is made at the first use in a process: a child of fork()
// makes its own, and shares the cache with its parent like any other process.
class ShardStore {
 public:
  // Shards that are stored compressed are kept without compression.
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
  // `first`, asked again and again: from when it says so, this goes before all others that wait,
  // and takes the room of whatever nobody holds. It is for who has the turn: others would take it
  // from each other.
  std::shared_ptr<const CachedShard> wait(uint64_t shard, const std::function<void()>& poll,
                                          const std::function<bool()>& first = {}) const;

  // The shard if it is here; else nothing, and unless somebody wants it already it is wanted at
  // once, by nobody in particular: let_go() ends that. Throws as want().
  std::shared_ptr<const CachedShard> find(uint64_t shard) const;

  // Wants a shard that is read next, unless somebody wants it already: after all that is wanted by
  // its position, and before what later passes use. let_go() ends that. Throws as want().
  void ask(uint64_t shard) const;

  // Releases a shard that find(), wait() or ask() wanted and no want() did, unless somebody holds
  // it.
  void let_go(uint64_t shard) const;

  // Has no more use for the shard before `position`, kNoKnownUse if that is not known. It stays in
  // the cache while there is room, and pinned while somebody holds what wait() returned.
  void release(uint64_t shard, uint64_t position) const;

  // The position of the next use of a shard that is not wanted yet: what is evicted depends on it.
  void set_next_use(uint64_t shard, uint64_t position) const;

  // Positions from `end` on are of later passes: what is used next there is dead for this one, and
  // the first to leave the cache. As open().
  void set_pass_end(uint64_t end) const;

  // Where threads that download take their jobs. Who waits there keeps none of this alive, and is
  // told kCancelled when it goes, as after close(). Asked for before each job: that gives back what
  // is beyond the share of this process. Throws as open().
  std::shared_ptr<FetchQueue> jobs() const;

  // What a wanted shard waits for, for messages; empty where it is there or not wanted.
  std::string describe(uint64_t shard) const;

  ShardStoreStats stats() const;

  // What all processes together may have in the cache, in bytes. Throws as open().
  uint64_t limit_bytes() const;

  // What a shard takes of it; of one that is made, as far as is known by now. Requires: shard <
  // size().
  ShardRoom room(uint64_t shard) const { return rooms_.room(shard); }
  uint64_t charge(uint64_t shard) const { return room(shard).charge(); }

  // The same at least: of one that is made an estimate may be too much.
  uint64_t least_charge(uint64_t shard) const { return rooms_.least_room(shard).charge(); }

  // What is made instead of fetched; null of a store.
  const MadeShards* made() const noexcept { return rooms_.made(); }

  // What this process may hold ahead of its need, in bytes. Throws as open().
  uint64_t share_bytes() const;

  // The cache, which other stores may have too. Throws as open().
  CacheId cache() const;

  // The right to hold shards while waiting for others: `first` of wait() is for who has it. Nothing
  // while anybody has it who shares the cache. Throws as open(); kIo.
  std::unique_ptr<const WaitingTurn> take_turn() const;

  // Has `give_up` called, from jobs() and wait(), while another one calls for room: to let go of
  // what is kept without need. Throws as open().
  void when_called(std::function<void()> give_up) const;

  // All that wait in this process wake and throw kCancelled, and so does whoever comes later;
  // what is pinned stays so. Nothing where this process has not used the store yet.
  void close() const;

 private:
  std::shared_ptr<ShardWindow> window() const;
  std::shared_ptr<ShardWindow> open_window(pid_t process) const;

  Uuid dataset_;
  std::shared_ptr<const ShardTable> shards_;
  ShardStoreOptions options_;
  ShardRooms rooms_;
  // A shared pointer behind a raw one, since a child must leave the parent's alone, not drop it.
  mutable std::atomic<const std::shared_ptr<ShardWindow>*> window_{nullptr};
  mutable std::atomic<pid_t> opener_{0};  // the process in which a thread opens it now
};

}  // namespace headrace
