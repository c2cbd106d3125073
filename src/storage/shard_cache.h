#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "base/checked.h"
#include "storage/cache_directory.h"
#include "storage/cache_ledger.h"
#include "storage/cached_shard.h"
#include "storage/eviction_order.h"
#include "storage/file_locks.h"
#include "storage/key_locks.h"
#include "storage/part_file.h"
#include "storage/waiting_turns.h"

namespace headrace {

struct CacheOptions {
  std::string directory = {};
  uint64_t limit_bytes = 0;
  uint64_t processes = 0;  // that will share it on this machine; 0: not known
  NextUse next_use = [](const CacheKey&) { return kNoKnownUse; };
  LockTest lock_test = locks_exclude;
};

class ShardCache;

// What a shard takes of a cache.
struct ShardRoom {
  uint64_t bytes = 0;         // as it is kept; of one that is expanded, or more
  uint64_t stored_bytes = 0;  // beside that until it is expanded: what is fetched; of others 0

  uint64_t charge() const noexcept {
    return saturating_add(charged_bytes(bytes), charged_bytes(stored_bytes));
  }
};

// Room in the cache for a shard that is being fetched, and the right to fetch it. Without publish()
// the room is given back with the last share in this.
class Reservation {
 public:
  // Its files.
  struct Parts {
    std::unique_ptr<PartFile> shard = nullptr;   // what becomes the shard
    std::unique_ptr<PartFile> stored = nullptr;  // what is fetched, where that is expanded
  };

  Reservation(std::shared_ptr<ShardCache> cache, std::unique_ptr<const KeyClaim> claim,
              Parts parts);
  ~Reservation();
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;

  const CacheKey& key() const noexcept { return claim_->key(); }

  // Where the bytes go that are fetched.
  const PartFile& file() const noexcept {
    return parts_.stored != nullptr ? *parts_.stored : *parts_.shard;
  }

  // Where they go expanded. Requires: key().expanded.
  const PartFile& expanded() const noexcept { return *parts_.shard; }

 private:
  friend class ShardCache;

  std::shared_ptr<ShardCache> cache_;
  std::unique_ptr<const KeyClaim> claim_;
  Parts parts_;
  bool published_ = false;
  pid_t process_;
};

// Shards from elsewhere in a directory of limited size, which all processes of the machine share.
// docs/cache.md has the protocol, and why a kill at any point does no harm. The order of calls for
// a shard:
//
//   pin      before anything else; it is not removed from then on
//   find     the shard, if it is there and was checked
//   claim    nothing: another one fetches or checks it; find it later
//   find     again, since it may have come between
//   unchecked, and after checking that file, adopt
//   reserve  nothing: there is no room now; give the claim back and try later
//   publish  after writing and checking the reservation's file; or publish_expanded
//   release  after the last use
//
// Thread-safe. Of one process: a child of fork() opens its own, and leaves this alone.
class ShardCache : public std::enable_shared_from_this<ShardCache> {
 public:
  // Throws kInvalid for a limit of 0, or as open_cache_directory(); kIo; kUnsupported for a cache
  // of a later version.
  static std::shared_ptr<ShardCache> open(CacheOptions options);

  ~ShardCache();

  const std::string& directory() const noexcept { return directory_.paths.root(); }
  bool is_private() const noexcept { return directory_.is_private; }
  uint64_t limit_bytes() const noexcept { return directory_.limit_bytes; }

  // What this process may hold ahead of its need: the limit, divided by the processes that are
  // there or expected. A private directory is a share already. Throws kIo.
  uint64_t share_bytes() const;

  // The same at most, where so many are expected.
  uint64_t share_among(uint64_t processes) const noexcept;

  // Bytes that are taken, by anybody; those without a name are none. Throws kIo.
  uint64_t used_bytes();

  // Throws as KeyLocks::pin.
  std::shared_ptr<const KeyPin> pin(const CacheKey& key);

  // As KeyLocks::join().
  std::shared_ptr<const CacheMember> join();

  // Between those who share the cache, and wait for its room.
  WaitingTurns& turns() const noexcept { return *turns_; }

  // The shard of `pin`, or nothing where it is not there, with `bytes` bytes, as checked; of a key
  // that has its own size, with at most so many. Throws kIo.
  std::shared_ptr<const CachedShard> find(const std::shared_ptr<const KeyPin>& pin,
                                          uint64_t bytes) const;

  // Throws as KeyLocks::claim.
  std::unique_ptr<const KeyClaim> claim(const CacheKey& key);

  // The path of the claimed shard, with `bytes` bytes as find() has it, as an earlier start of the
  // machine has left it: it has to be checked. Nothing where there is none. Throws kIo.
  std::optional<std::string> unchecked(const KeyClaim& claim, uint64_t bytes) const;

  // Makes what unchecked() returned, and was found right, a shard of this cache. Throws kIo.
  void adopt(const KeyClaim& claim, const std::string& path);

  // Takes room for the claimed shard, which is used at `next_use`, and removes what is left of it
  // and what is needed later. Takes the claim, unless it returns nothing: there is no room as long
  // as others are pinned. Throws kInvalid where the shard alone is larger than the limit; kIo, for
  // a full disk with what to do. Requires: sizes below 2^63.
  std::shared_ptr<Reservation> reserve(std::unique_ptr<const KeyClaim>& claim,
                                       const ShardRoom& room, uint64_t next_use);

  // Gives back the room behind the first `bytes` bytes of what was made. Throws kIo. Requires:
  // nobody writes any more; bytes <= reservation.file().bytes(); the key is one that is made.
  void shorten(Reservation& reservation, uint64_t bytes);

  // Gives what was written, and found right, its name, and the claim back. Throws kIo. Requires:
  // nobody writes any more; `pin` is of the same shard; the key is not one that is expanded.
  std::shared_ptr<const CachedShard> publish(Reservation& reservation,
                                             const std::shared_ptr<const KeyPin>& pin);

  // The same of the first `bytes` bytes of what was expanded; what was fetched, and the rest, is
  // given back. Throws kIo. Requires: as publish(), of one that is expanded.
  std::shared_ptr<const CachedShard> publish_expanded(Reservation& reservation,
                                                      const std::shared_ptr<const KeyPin>& pin,
                                                      uint64_t bytes);

  // Says that this process has done with the shard, whose next use is known now: it may go.
  void release(const CacheKey& key, uint64_t next_use) noexcept;

 private:
  friend class Reservation;

  explicit ShardCache(CacheOptions options);

  Reservation::Parts take_room(const CacheKey& key, const ShardRoom& room, uint64_t next_use);
  Reservation::Parts make_parts(const CacheKey& key, const ShardRoom& room) const;
  bool make_room(uint64_t needed, uint64_t next_use, uint64_t& used);
  bool evict(const Evictable& shard, uint64_t& used);
  void remove_remains(const CacheKey& key, uint64_t& used) const;
  void discard(Reservation::Parts& parts);
  std::shared_ptr<const CachedShard> hand_over(Reservation& reservation,
                                               const std::shared_ptr<const KeyPin>& pin,
                                               const std::string& path) const;
  void rename_uncounted(const std::string& from, const std::string& to);
  void ensure_trusted(CacheLedger::Session& session);
  void remove_empty_boots(const CacheListing& listing) const;
  uint64_t sweep();

  CacheDirectory directory_;
  uint64_t processes_;
  pid_t process_;
  std::shared_ptr<KeyLocks> locks_;
  std::shared_ptr<WaitingTurns> turns_;
  CacheLedger ledger_;
  std::vector<Uuid> earlier_boots_;  // whose shards may be there

  std::mutex mutex_;  // taken within the ledger's lock
  EvictionOrder order_;
  std::chrono::steady_clock::time_point next_sweep_ = {};          // the soonest, for want of room
  std::chrono::steady_clock::time_point next_routine_sweep_ = {};  // the latest
};

}  // namespace headrace
