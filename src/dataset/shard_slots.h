#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/cached_shard.h"
#include "storage/shard_cache.h"

namespace headrace {

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

  ShardStoreStats& operator+=(const ShardStoreStats& more) noexcept {
    hits += more.hits;
    fetches += more.fetches;
    refetches += more.refetches;
    bytes += more.bytes;
    retries += more.retries;
    waits += more.waits;
    waited += more.waited;
    held_bytes += more.held_bytes;
    return *this;
  }
};

// The shards that a process wants: what it has of each, what that counts, and who waits. Several
// passes may want a shard: it is kept until the last of them releases it. Calls neither the cache
// nor the queue while it holds its lock: others, of other processes too, may hold theirs.
// Thread-safe.
class ShardSlots {
 public:
  // Of what no pass wants.
  static constexpr uint64_t kNoPass = 0;

  struct Want {
    uint64_t pass = kNoPass;
    uint64_t position = 0;
  };

  // A shard that is wanted.
  struct Slot {
    uint64_t generation = 0;  // of the shard's slots, from 1
    uint64_t position = 0;
    std::vector<Want> wants = {};                         // one for each pass that wants it
    std::shared_ptr<const CacheMember> member = nullptr;  // also while it waits for room
    std::shared_ptr<const KeyPin> pin = nullptr;
    uint64_t held = 0;  // what is counted for it while it has a pin
    std::shared_ptr<const CachedShard> ready = nullptr;
    std::weak_ptr<Reservation> reservation = {};      // the queue's, while it is fetched
    std::shared_ptr<const RoomCall> call = nullptr;   // while somebody waits for its room
    std::unique_ptr<const KeyClaim> claim = nullptr;  // while `unchecked` is checked
    std::string unchecked = {};
    bool check_failed = false;
  };

  // Requires, here and below: shard < `shards`.
  explicit ShardSlots(size_t shards) : fetched_(shards) {}

  // Wants a shard, or changes where: at the position of the pass that uses it first; for kNoPass,
  // at `want.position`; but not behind where somebody waits for it already. Whether it is ready.
  bool want(uint64_t shard, const Want& want, std::shared_ptr<const CacheMember> member = nullptr);

  // What those that are wanted have as a member; null if there are none.
  std::shared_ptr<const CacheMember> member() const;

  // A pass does not want a shard any more. Whether none does.
  bool release(uint64_t shard, uint64_t pass);

  // The shards that a pass wants.
  std::vector<uint64_t> wanted_by(uint64_t pass) const;

  // Takes the slot out: the shard is not wanted any more. Empty, of generation 0, if it was not.
  Slot take(uint64_t shard);

  // The same, unless a pass wants the shard or somebody waits for it.
  Slot take_if_unwanted(uint64_t shard);

  // The same, unless somebody holds it, too.
  Slot take_if_idle(uint64_t shard);

  // Where a shard stands that is wanted and not ready.
  struct Place {
    uint64_t generation = 0;
    uint64_t position = 0;
    bool operator==(const Place&) const = default;
  };
  std::optional<Place> place(uint64_t shard) const;

  // What is ready of a shard; nothing where it is not wanted.
  std::optional<std::shared_ptr<const CachedShard>> find(uint64_t shard) const;
  std::shared_ptr<const CachedShard> ready(uint64_t shard) const {
    return find(shard).value_or(nullptr);
  }

  // Counts a thread that waits for a shard. Whether a pass wants it.
  bool begin_wait(uint64_t shard);
  void end_wait(uint64_t shard, std::chrono::nanoseconds waited);

  // Gives a shard `pin`, unless it has one, and counts `bytes` for it. Returns its pin; nothing
  // where it is not wanted any more, or is ready.
  std::shared_ptr<const KeyPin> pin(uint64_t shard, std::shared_ptr<const KeyPin> pin,
                                    uint64_t bytes);
  // Unless it is ready.
  void unpin(uint64_t shard);

  // What counts, without `shard`.
  uint64_t held_by_others(uint64_t shard) const;

  // Changes the slot of a shard by `change(slot)`. False where that is not there any more.
  // Requires: `change` calls nothing that could wait.
  template <typename Change>
  bool change(uint64_t shard, uint64_t generation, Change&& change) {
    const std::lock_guard lock(mutex_);
    const auto slot = slots_.find(shard);
    if (slot == slots_.end() || slot->second.generation != generation) {
      return false;
    }
    std::forward<Change>(change)(slot->second);
    return true;
  }

  // Counts the download of a shard.
  void count_fetch(uint64_t shard);

  // A shard is there, which counts `bytes` if it counted before. `hit`: it was in the cache.
  void settle(uint64_t shard, std::shared_ptr<const CachedShard> ready, uint64_t bytes, bool hit);

  // What give_back() took of a shard, and at which position it is wanted again.
  struct Given {
    uint64_t shard = 0;
    uint64_t position = 0;
    std::shared_ptr<const CachedShard> ready = nullptr;
    std::shared_ptr<const KeyPin> pin = nullptr;
  };

  // Which of the shards that nobody holds or waits for.
  enum class GiveBack : uint8_t {
    kLast,   // the one that is used last; nothing while it is on its way
    kReady,  // the same of those that are ready
    kAny     // the same, whenever it is used
  };

  // Takes what is ready of such a shard, if it is used after `position`. It is wanted again at
  // `again(shard, slot)`. Nothing where there is none.
  std::optional<Given> give_back(
      uint64_t position, GiveBack which,
      const std::function<uint64_t(uint64_t shard, const Slot& slot)>& again);

  // Without what the queue counts.
  ShardStoreStats stats() const;

 private:
  // Counts `bytes` for the slot. The lock is held.
  void hold(Slot& slot, uint64_t bytes) noexcept {
    stats_.held_bytes += bytes - slot.held;
    slot.held = bytes;
  }

  template <typename Condition>
  Slot take_if(uint64_t shard, Condition&& condition);

  mutable std::mutex mutex_;
  std::map<uint64_t, Slot> slots_;
  uint64_t generations_ = 0;
  std::weak_ptr<const CacheMember> member_ = {};
  std::map<uint64_t, uint32_t> waiting_;  // how many threads wait for a shard
  std::vector<bool> fetched_;
  ShardStoreStats stats_ = {};
};

}  // namespace headrace
