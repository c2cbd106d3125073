#include "storage/key_locks.h"

#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <span>
#include <thread>
#include <unistd.h>
#include <utility>

#include "base/error.h"
#include "base/hash.h"

namespace headrace {
namespace {

constexpr mode_t kFileMode = 0666;  // less the process's umask

// Bytes below are members'; then each place has two, for pins and for the claim.
constexpr uint64_t kFirstPlace = 4096;
constexpr uint64_t kPlaces = uint64_t{1} << 60;

// Whoever removes a shard holds its pin for the time of an unlink.
constexpr std::chrono::seconds kMostPatience{10};
constexpr std::chrono::microseconds kPause{50};

uint64_t place_of(const CacheKey& key) noexcept {
  Hasher hasher;
  hasher.update(std::as_bytes(std::span(key.dataset)));
  hasher.update(std::as_bytes(std::span(key.shard)));
  hasher.update(key.xxh3);
  hasher.update(uint64_t{key.expanded} + 2 * uint64_t{key.made});
  return kFirstPlace + 2 * (hasher.digest() % kPlaces);
}

}  // namespace

uint64_t pin_byte(const CacheKey& key) noexcept { return place_of(key); }
uint64_t claim_byte(const CacheKey& key) noexcept { return place_of(key) + 1; }

KeyPin::~KeyPin() {
  if (locks_ != nullptr) {
    locks_->unpin(key_);
  }
}

CacheMember::~CacheMember() { locks_->leave(); }

KeyClaim::~KeyClaim() {
  if (locks_ != nullptr) {
    locks_->unclaim(key_);
  }
}

std::shared_ptr<KeyLocks> KeyLocks::open(const std::string& path) {
  return std::shared_ptr<KeyLocks>(new KeyLocks(path));
}

KeyLocks::KeyLocks(const std::string& path)
    : path_(path),
      process_(::getpid()),
      file_(Descriptor::open(path, O_RDWR | O_CREAT | O_NOFOLLOW, kFileMode)) {
  if (!file_) {
    throw system_error("cannot be opened", path, errno);
  }
}

void KeyLocks::become_member() {
  for (uint64_t i = 0; i < kMaxMembers; ++i) {
    if (try_lock(i, LockKind::kExclusive)) {
      member_ = i;
      return;
    }
  }
}

void KeyLocks::leave_unless_used() {
  if (!is_used() && member_ != kMaxMembers) {
    try_lock(std::exchange(member_, kMaxMembers), LockKind::kNone);
  }
}

std::shared_ptr<const CacheMember> KeyLocks::join() {
  std::shared_ptr<const CacheMember> member(new CacheMember(shared_from_this()));
  const std::lock_guard lock(mutex_);
  ++joined_;
  if (joined_ == 1 && pins_.empty()) {
    become_member();  // if it throws, `member` leaves
  }
  return member;
}

void KeyLocks::leave() noexcept {
  if (process_ != ::getpid()) {
    return;  // as unpin()
  }
  const std::lock_guard lock(mutex_);
  --joined_;
  try {
    leave_unless_used();
  } catch (const Error&) {
    return;  // then it is counted until the process ends
  }
}

uint64_t KeyLocks::count_members() const {
  // One's own lock does not count for oneself.
  return 1 + count_locked_bytes(file_.get(), 0, kMaxMembers, path_);
}

std::shared_ptr<const KeyPin> KeyLocks::pin(const CacheKey& key) {
  const std::shared_ptr<KeyPin> pin(new KeyPin(key));
  const std::lock_guard lock(mutex_);
  const bool was_used = is_used();
  const auto [count, fresh] = pins_.try_emplace(key, 0);
  if (fresh) {
    try {
      if (!was_used) {
        become_member();
      }
      lock_pin(key);
    } catch (...) {
      pins_.erase(count);
      leave_unless_used();
      throw;
    }
  }
  ++count->second;
  pin->locks_ = shared_from_this();
  return pin;
}

void KeyLocks::lock_pin(const CacheKey& key) const {
  const auto until = std::chrono::steady_clock::now() + kMostPatience;
  while (!try_lock(pin_byte(key), LockKind::kShared)) {
    if (std::chrono::steady_clock::now() > until) {
      throw Error(ErrorCode::kIo,
                  path_ + ": another process has been removing a shard of this cache for " +
                      std::to_string(kMostPatience.count()) +
                      " seconds; it may have been stopped (see fuser): let it go on, or kill it",
                  {.file = path_, .column = ""});
    }
    std::this_thread::sleep_for(kPause);
  }
}

void KeyLocks::unpin(const CacheKey& key) noexcept {
  if (process_ != ::getpid()) {
    return;  // of the parent, which still has it; the mutex may be held for ever
  }
  const std::lock_guard lock(mutex_);
  const auto found = pins_.find(key);
  if (--found->second > 0) {
    return;
  }
  pins_.erase(found);
  try {
    try_lock(pin_byte(key), LockKind::kNone);
    leave_unless_used();
  } catch (const Error&) {
    return;  // then it stays until the process ends
  }
}

bool KeyLocks::has_pinned(const CacheKey& key) const {
  const std::lock_guard lock(mutex_);
  return pins_.contains(key);
}

std::unique_ptr<const KeyClaim> KeyLocks::claim(const CacheKey& key) {
  std::unique_ptr<KeyClaim> claim(new KeyClaim(key));
  const std::lock_guard lock(mutex_);
  const auto [place, fresh] = claims_.insert(key);
  if (!fresh) {
    return nullptr;
  }
  try {
    if (try_lock(claim_byte(key), LockKind::kExclusive)) {
      claim->locks_ = shared_from_this();
      return claim;
    }
  } catch (...) {
    claims_.erase(place);
    throw;
  }
  claims_.erase(place);
  return nullptr;
}

void KeyLocks::unclaim(const CacheKey& key) noexcept {
  if (process_ != ::getpid()) {
    return;
  }
  const std::lock_guard lock(mutex_);
  claims_.erase(key);
  try {
    try_lock(claim_byte(key), LockKind::kNone);
  } catch (const Error&) {
    return;
  }
}

bool KeyLocks::while_unpinned(const CacheKey& key, const std::function<void()>& action) {
  const std::lock_guard lock(mutex_);
  if (pins_.contains(key) || !try_lock(pin_byte(key), LockKind::kExclusive)) {
    return false;
  }
  try {
    action();
  } catch (...) {
    try_lock(pin_byte(key), LockKind::kNone);
    throw;
  }
  try_lock(pin_byte(key), LockKind::kNone);
  return true;
}

}  // namespace headrace
