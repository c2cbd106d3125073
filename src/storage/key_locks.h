#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <sys/types.h>
#include <utility>

#include "storage/cache_layout.h"
#include "storage/descriptor.h"
#include "storage/file_locks.h"

namespace headrace {

class KeyLocks;

// The bytes of the file of locks by which `key` is pinned and claimed, for who only looks.
uint64_t pin_byte(const CacheKey& key) noexcept;
uint64_t claim_byte(const CacheKey& key) noexcept;

// Keeps a shard from being removed by any process, be it there or not, while this lives.
class KeyPin {
 public:
  ~KeyPin();
  KeyPin(const KeyPin&) = delete;
  KeyPin& operator=(const KeyPin&) = delete;

  const CacheKey& key() const noexcept { return key_; }

 private:
  friend class KeyLocks;
  explicit KeyPin(const CacheKey& key) : key_(key) {}

  std::shared_ptr<KeyLocks> locks_;  // none until the lock is there
  CacheKey key_;
};

// The right to fetch, check or discard a shard: one in the world at a time.
class KeyClaim {
 public:
  ~KeyClaim();
  KeyClaim(const KeyClaim&) = delete;
  KeyClaim& operator=(const KeyClaim&) = delete;

  const CacheKey& key() const noexcept { return key_; }

 private:
  friend class KeyLocks;
  explicit KeyClaim(const CacheKey& key) : key_(key) {}

  std::shared_ptr<KeyLocks> locks_;  // none until the lock is there
  CacheKey key_;
};

// Makes its owner a member of those who use a cache, while this lives.
class CacheMember {
 public:
  ~CacheMember();
  CacheMember(const CacheMember&) = delete;
  CacheMember& operator=(const CacheMember&) = delete;

 private:
  friend class KeyLocks;
  explicit CacheMember(std::shared_ptr<KeyLocks> locks) : locks_(std::move(locks)) {}

  std::shared_ptr<KeyLocks> locks_;
};

// What the processes of a machine tell each other about cached shards, by locks on bytes of one
// file, at places that are hashes of keys: all that a process holds takes one descriptor, and the
// kernel gives back what the dead held. (Two keys at one place, by a chance of 2^-60 for a pair,
// are pinned together, and fetched one after the other.)
//
// Thread-safe. In a child of fork() pins and claims of the parent do nothing; a child opens its
// own.
class KeyLocks : public std::enable_shared_from_this<KeyLocks> {
 public:
  // The most members that are counted.
  static constexpr uint64_t kMaxMembers = 256;

  // Opens the file of locks, which may be created. Throws kIo.
  static std::shared_ptr<KeyLocks> open(const std::string& path);

  // Waits for a process that is just removing the shard. Throws kIo where that one does not go on
  // for seconds.
  std::shared_ptr<const KeyPin> pin(const CacheKey& key);

  // Whether this one has pinned it.
  bool has_pinned(const CacheKey& key) const;

  // Nothing while anybody, in this process or another, has it. Throws kIo.
  std::unique_ptr<const KeyClaim> claim(const CacheKey& key);

  // Calls `action` while nobody can pin `key`; false, without a call, where somebody has. Throws
  // kIo, and what `action` throws.
  bool while_unpinned(const CacheKey& key, const std::function<void()>& action);

  // Who has opened the file and uses nothing needs no share of the cache: it is a member while it
  // has a pin, or what this returns. Throws kIo.
  std::shared_ptr<const CacheMember> join();

  // How many members there are, counting this one in any case; those beyond the most are not
  // counted. Throws kIo.
  uint64_t count_members() const;

 private:
  friend class KeyPin;
  friend class KeyClaim;
  friend class CacheMember;

  explicit KeyLocks(const std::string& path);
  bool is_used() const { return joined_ > 0 || !pins_.empty(); }
  void become_member();
  void leave_unless_used();
  void leave() noexcept;
  void lock_pin(const CacheKey& key) const;
  void unpin(const CacheKey& key) noexcept;
  void unclaim(const CacheKey& key) noexcept;
  bool try_lock(uint64_t at, LockKind kind) const {
    return try_lock_byte(file_.get(), at, kind, path_);
  }

  const std::string path_;
  const pid_t process_;
  Descriptor file_;
  mutable std::mutex mutex_;
  std::map<CacheKey, uint64_t> pins_;  // how many of this process
  uint64_t joined_ = 0;
  uint64_t member_ = kMaxMembers;  // its byte as a member; the most: none, or none was free
  std::set<CacheKey> claims_;
};

}  // namespace headrace
