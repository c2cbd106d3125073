#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "dataset/dataset.h"
#include "engine/batch_maker.h"
#include "engine/batch_ring.h"
#include "engine/shard_room.h"
#include "engine/shard_uses.h"
#include "engine/wanted_shards.h"

namespace headrace {

// Gets the shards of stores into the cache before the workers of one pass want them, and lets them
// go behind: the bytes of both together stay within what the cache gives this process.
//
// 1. Before the first batch it looks whether the pass can be made in the cache at all, and at what
//    price (engine/shard_room.h).
// 2. Its thread walks the order ahead of the workers (engine/shard_uses.h), wants what they will
//    need, and lets go of what they need no more (engine/wanted_shards.h).
// 3. For what it lets go of it says when that is used next: in this pass, or in the next epoch, as
//    far as the cache would hold it. The cache evicts by that.
//
// What it does not foresee is waited for by the worker that needs it, and so is what could not be
// wanted: it tries again after a moment where the operating system failed, and gives up otherwise.
// At the end of its thread it lets everything go.
class ShardLookAhead {
 public:
  struct Setting {
    LoaderOptions options;  // of the pass
    uint64_t epoch = 0;
    uint64_t makers = 1;  // batches that are made at a time, at most
  };

  // Opens the caches. Throws as ShardStore::open() and check_shard_room(). Requires: the dataset is
  // transient; `maker` and `ring` outlive the thread.
  ShardLookAhead(const DatasetPtr& dataset, const BatchMaker& maker, const BatchRing& ring,
                 const Setting& setting);
  ~ShardLookAhead();
  ShardLookAhead(const ShardLookAhead&) = delete;
  ShardLookAhead& operator=(const ShardLookAhead&) = delete;

  // Of listed batches: says which rows batch `number` has, before it may be made.
  void name(uint64_t number, const std::vector<uint64_t>& rows);

  // Wants what the first batches need, before anybody makes one: who then puts a batch off does not
  // give up a download that is under way.
  void begin() noexcept;

  // The body of its thread; returns soon after stop().
  void run() noexcept;
  void stop() noexcept;

  // Says that run() could not be started: lets go of what begin() wanted.
  void give_up() noexcept;

  // How often it could not do what it was to do, by now.
  uint64_t failures() const noexcept { return failures_.load(std::memory_order_relaxed); }

  // Throws kCancelled after stop(): for workers that wait for a shard then.
  void check_running() const;

 private:
  class Store;  // what the pass does with one store

  bool try_to(const std::function<void()>& act) noexcept;
  void advance();
  void look_at_next_epoch();
  void release_all() noexcept;
  uint64_t position_of(uint64_t batch) const noexcept;

  DatasetPtr dataset_;
  const BatchMaker& maker_;
  const BatchRing& ring_;
  uint64_t makers_;
  std::vector<std::unique_ptr<Store>> stores_;
  size_t looked_at_ = 0;  // stores of which the next epoch is known

  std::atomic<uint64_t> failures_{0};
  std::atomic<bool> given_up_{false};
  std::atomic<bool> stopped_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
};

}  // namespace headrace
