#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <sys/types.h>

#include "base/uuid.h"
#include "dataset/shard_pass.h"
#include "dataset/shard_window.h"
#include "format/manifest.h"
#include "storage/fetch_queue.h"

namespace headrace {

// The shards of one remote dataset: which of them this process wants, the cache that they are
// mapped from, and the queue of those that are to be downloaded. It has no threads: whoever
// downloads takes jobs, whoever needs a shard waits for it.
//
// Who reads in an order begins a pass and says in it what he will need: want() some time ahead with
// the position of the next use, release() when it was used, with the position of the use after
// that; wait() when it is needed. What is wanted beyond the share of this process is fetched later.
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

  // Begins a pass of `length` positions. Throws as open().
  std::unique_ptr<ShardPass> begin_pass(uint64_t length) const;

  // The shard, pinned and mapped; wants it at once if nobody has. Calls `poll` every 50 ms; what it
  // throws ends the call. Throws as ShardPass::want() and open(); what fetching the shard failed
  // with, and it is not wanted any more then: the next call tries again.
  // `first`, asked again and again: from when it says so, this goes before all others that wait,
  // and takes the room of whatever nobody holds. It is for who has the turn: others would take it
  // from each other.
  std::shared_ptr<const CachedShard> wait(uint64_t shard, const std::function<void()>& poll,
                                          const std::function<bool()>& first = {}) const;

  // The shard if it is here; else nothing, and unless somebody wants it already it is wanted at
  // once, by no pass: let_go() ends that. Throws as wait() at its begin.
  std::shared_ptr<const CachedShard> find(uint64_t shard) const;

  // Wants a shard that is read next, unless somebody wants it already: after all that is wanted by
  // its position, and before what later passes use. let_go() ends that. Throws as find().
  void ask(uint64_t shard) const;

  // Releases a shard that find(), wait() or ask() wanted and no pass does, unless somebody holds
  // it or waits for it.
  void let_go(uint64_t shard) const;

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

  // What this process may hold ahead of its need, in bytes: its part of the cache, where `expected`
  // processes or more share it. Throws as open().
  uint64_t share_bytes(uint64_t expected = 1) const;

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
