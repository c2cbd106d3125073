#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <queue>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/shard_uses.h"

namespace headrace {

// Where shards come from, as far as what is wanted has to know.
class ShardSupply {
 public:
  ShardSupply() = default;
  virtual ~ShardSupply() = default;
  ShardSupply(const ShardSupply&) = delete;
  ShardSupply& operator=(const ShardSupply&) = delete;

  // Gets a shard, whose next use is at `position`, or changes that position.
  virtual void want(uint64_t shard, uint64_t position) = 0;

  // Lets a shard go until it is used at `position`; so do those that read it.
  virtual void release(uint64_t shard, uint64_t position) = 0;

  // Says when a shard that is not wanted is used next.
  virtual void set_next_use(uint64_t shard, uint64_t position) = 0;

  // What a shard takes of the cache, and how much of it this process may hold ahead of its need.
  virtual uint64_t charge(uint64_t shard) const = 0;
  virtual uint64_t share_bytes() const = 0;
};

// Which shards a pass wants at a moment.
//
// 1. It takes up uses in the order of their begin, up to kKnownUses of them, so that it is known
//    when a shard comes again: who evicts has to know it.
// 2. It wants what the batches in the making need, and then what comes next: as far as the share
//    allows, and not much further than keeps the downloads busy. What is fetched too early takes
//    the room of what would be used again in the next pass.
// 3. A use that is over lets its shard go, unless the next one is among those that are wanted.
//
// Pure but for the supply, which is asked first: where it throws, nothing has changed that the next
// try would miss. Not shared between threads.
class WantedShards {
 public:
  struct Setting {
    uint64_t ahead_bytes = uint64_t{512} << 20;  // what is wanted before it is due, at most;
    uint64_t ahead_part = 8;                     // or this part of the share, if that is more;
    uint64_t most_part = 4;                      // but one shard, or this part of it
  };

  // `later`: when a shard is used again after this pass. Requires: all outlive it.
  WantedShards(ShardSupply& supply, ShardUses& uses, std::function<uint64_t(uint64_t)> later,
               const Setting& setting);

  // All before position `oldest` is made, and what comes before `due` is being made or comes next.
  // Throws what the supply throws; the next call asks it again. Requires: neither is less than
  // before.
  void advance(uint64_t oldest, uint64_t due);

  // Lets everything go.
  void release_all() noexcept;

 private:
  static constexpr size_t kKnownUses = 65536;
  static constexpr size_t kLearnedUses = 4096;  // at a time

  // A shard with uses that are known and not over, by their begin, none touching another.
  struct Shard {
    std::deque<ShardUse> uses;
    bool wanted = false;  // for the first of them
    uint64_t bytes = 0;   // that it was counted with then: a size may become known meanwhile
  };
  using Event = std::pair<uint64_t, uint64_t>;  // a position, and a shard
  struct Ahead {
    uint64_t begin;
    uint64_t bytes;
  };

  void end_uses(uint64_t oldest);
  void end_use(uint64_t shard);
  void learn(uint64_t oldest);
  void want_due(uint64_t oldest, uint64_t due);
  bool has_room(uint64_t bytes) const;
  void want(uint64_t shard, uint64_t due);

  ShardSupply& supply_;
  ShardUses& uses_;
  std::function<uint64_t(uint64_t)> later_;
  Setting setting_;

  std::unordered_map<uint64_t, Shard> shards_;
  std::deque<Event> coming_;  // begins that were not looked at yet
  uint64_t looked_at_ = 0;    // position up to which they were
  std::priority_queue<Event, std::vector<Event>, std::greater<>> ends_;  // of what is wanted
  std::optional<uint64_t> asked_;  // a shard that the supply may know of, though it has thrown
  std::deque<Ahead> ahead_;        // wanted and not due, by begin
  uint64_t ahead_bytes_ = 0;
  uint64_t held_bytes_ = 0;  // of all that is wanted
};

}  // namespace headrace
