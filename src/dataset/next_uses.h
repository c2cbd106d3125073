#pragma once

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

// When the passes over a dataset use its shards next, as far as they know: 4 bytes a shard, and 8
// for each pass that goes on at the same time.
//
// A pass counts its positions from 0, and those of the pass after it from kLaterPass. Here they lie
// on one line for all passes, where the smallest comes first: a pass begins behind those that have
// ended; beside others, where the furthest of them is. Uses of a later pass come after all of any
// pass that goes on. What the last one has said of later passes stays known when it has ended.
//
// Thread-safe. Functions with a shard require: shard < the number of shards; those with a pass: it
// has begun, and has not ended.
class NextUses {
 public:
  // Where the first pass begins. What is before is free for others.
  static constexpr uint64_t kFirst = 3;

  // `made`: whether the shards are made here, and stored nowhere.
  NextUses(const Uuid& dataset, std::shared_ptr<const ShardTable> shards, bool made = false);

  CacheKey key(size_t shard) const noexcept;

  // Begins a pass of `length` positions; returns its number, which is not 0.
  uint64_t begin_pass(uint64_t length);

  // A pass has come to `position`, one of its own.
  void advance(uint64_t pass, uint64_t position);

  void end_pass(uint64_t pass) noexcept;

  // Says when a pass uses a shard next, kNoKnownUse if it does not know; returns where that is on
  // the line.
  uint64_t set(uint64_t pass, size_t shard, uint64_t position);

  // The next use by any pass, on the line, and from kLaterPass on if none that goes on has one.
  uint64_t next_use(size_t shard) const;

  // The same; kNoKnownUse also for what is not of this dataset.
  uint64_t next_use(const CacheKey& key) const;

 private:
  struct Pass {
    uint64_t number = 0;
    uint64_t begin = 0;
    uint64_t length = 0;
    uint64_t now = 0;
    std::vector<uint64_t> uses = {};
  };

  uint64_t begin_of_next();
  std::vector<Pass>::iterator find(uint64_t pass);

  Uuid dataset_;
  std::shared_ptr<const ShardTable> shards_;
  bool made_;
  std::vector<uint32_t> by_id_;  // the numbers of the shards, sorted by id
  mutable std::mutex mutex_;
  std::vector<Pass> passes_;    // that go on
  std::vector<uint64_t> left_;  // by the last pass, where none goes on; empty if there was none
  uint64_t end_ = kFirst;       // of all that have ended
  uint64_t passes_begun_ = 0;
};

}  // namespace headrace
