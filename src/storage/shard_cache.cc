#include "storage/shard_cache.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "base/error.h"
#include "storage/directory.h"
#include "storage/file.h"

namespace headrace {
namespace {

// Looking at all files holds up all processes: at most one part in so many of the time.
constexpr int kSweepShare = 50;
constexpr std::chrono::milliseconds kLeastSweepPause{100};

constexpr int64_t kNsPerSecond = 1'000'000'000;

int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Sets the time of modification; false where there is no such file, or it is not to be had.
bool set_modified(const std::string& path, int64_t modified_ns) noexcept {
  // Before 1970 the nanoseconds still count upwards.
  const int64_t nanoseconds = (modified_ns % kNsPerSecond + kNsPerSecond) % kNsPerSecond;
  const std::array<timespec, 2> times = {
      {{.tv_sec = 0, .tv_nsec = UTIME_OMIT},
       {.tv_sec = (modified_ns - nanoseconds) / kNsPerSecond, .tv_nsec = nanoseconds}}};
  return ::utimensat(AT_FDCWD, path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) == 0;
}

// Gives the file `from` the name `to`, which nothing has.
void rename_new(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) {
    return;
  }
  // A file system without that flag: whoever has the claim knows that the name is free.
  if ((errno == EINVAL || errno == ENOSYS) && ::access(to.c_str(), F_OK) != 0 &&
      ::rename(from.c_str(), to.c_str()) == 0) {
    return;
  }
  throw system_error("cannot be given the name " + to, from, errno);
}

Error too_small_error(const std::string& directory, uint64_t limit, uint64_t bytes) {
  return Error(ErrorCode::kInvalid,
               directory + ": the cache may take " + std::to_string(limit) +
                   " bytes, and one shard alone has " + std::to_string(bytes) +
                   "; give a cache_bytes that holds the window of the shuffle and one shard more",
               {.file = directory, .column = ""});
}

// Takes the size of the file `path` from `used`, and removes it.
void remove_charged(const std::string& path, uint64_t& used) {
  const auto found = look_up(path);
  if (found && remove_file(path)) {
    used -= std::min(used, charged_bytes(found->bytes));
  }
}

}  // namespace

Reservation::Reservation(std::shared_ptr<ShardCache> cache, std::unique_ptr<const KeyClaim> claim,
                         std::unique_ptr<PartFile> file)
    : cache_(std::move(cache)),
      claim_(std::move(claim)),
      file_(std::move(file)),
      process_(::getpid()) {}

Reservation::~Reservation() {
  if (!published_ && process_ == ::getpid()) {
    cache_->discard(*file_);
  }
}

std::shared_ptr<ShardCache> ShardCache::open(CacheOptions options) {
  if (options.limit_bytes == 0) {
    throw Error(ErrorCode::kInvalid, options.directory +
                                         ": a cache of 0 bytes holds nothing; give a cache_bytes "
                                         "that holds at least one shard");
  }
  std::shared_ptr<ShardCache> cache(new ShardCache(std::move(options)));
  for (const Uuid& boot : list_cache(cache->directory_.paths).boots) {
    if (boot != cache->directory_.boot) {
      cache->earlier_boots_.push_back(boot);
    }
  }
  return cache;
}

ShardCache::ShardCache(CacheOptions options)
    : directory_(open_cache_directory(options.directory, options.limit_bytes, options.processes,
                                      options.lock_test)),
      processes_(options.processes),
      process_(::getpid()),
      locks_(KeyLocks::open(directory_.paths.pins())),
      ledger_(directory_.paths.ledger(), directory_.boot),
      order_(std::move(options.next_use)) {}

ShardCache::~ShardCache() {
  if (!directory_.is_private || process_ != ::getpid()) {
    return;
  }
  try {
    remove_private_directory(directory_.paths);
  } catch (const Error&) {
    return;  // then it is removed by another process, later
  }
}

uint64_t ShardCache::share_bytes() const {
  if (directory_.is_private) {
    return directory_.limit_bytes;
  }
  return directory_.limit_bytes / std::max(locks_->count_members(), processes_);
}

uint64_t ShardCache::used_bytes() {
  CacheLedger::Session session = ledger_.lock();
  ensure_trusted(session);
  return session.used();
}

std::shared_ptr<const KeyPin> ShardCache::pin(const CacheKey& key) { return locks_->pin(key); }

std::shared_ptr<const CachedShard> ShardCache::find(const std::shared_ptr<const KeyPin>& pin,
                                                    uint64_t bytes) const {
  const std::string path = directory_.paths.shard(directory_.boot, pin->key());
  const auto found = look_up(path);
  if (!found || found->bytes != bytes || !found->regular) {
    return nullptr;
  }
  try {
    return std::make_shared<const CachedShard>(path, pin);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kNotFound) {
      return nullptr;  // removed by whoever does not keep to the pins
    }
    throw;
  }
}

std::unique_ptr<const KeyClaim> ShardCache::claim(const CacheKey& key) {
  return locks_->claim(key);
}

std::optional<std::string> ShardCache::unchecked(const KeyClaim& claim, uint64_t bytes) const {
  for (const Uuid& boot : earlier_boots_) {
    const std::string path = directory_.paths.shard(boot, claim.key());
    if (const auto found = look_up(path); found && found->regular && found->bytes == bytes) {
      return path;
    }
  }
  return std::nullopt;
}

void ShardCache::adopt(const KeyClaim& claim, const std::string& path) const {
  rename_new(path, directory_.paths.shard(directory_.boot, claim.key()));
}

std::shared_ptr<Reservation> ShardCache::reserve(std::unique_ptr<const KeyClaim>& claim,
                                                 uint64_t bytes, uint64_t next_use) {
  if (charged_bytes(bytes) > directory_.limit_bytes) {
    throw too_small_error(directory(), directory_.limit_bytes, bytes);
  }
  std::unique_ptr<PartFile> file = take_room(claim->key(), bytes, next_use);
  if (file == nullptr) {
    return nullptr;
  }
  auto reservation =
      std::make_shared<Reservation>(shared_from_this(), std::move(claim), std::move(file));
  reservation->file().allocate();
  return reservation;
}

std::unique_ptr<PartFile> ShardCache::take_room(const CacheKey& key, uint64_t bytes,
                                                uint64_t next_use) {
  const uint64_t charge = charged_bytes(bytes);
  CacheLedger::Session session = ledger_.lock();
  ensure_trusted(session);
  while (true) {
    std::unique_ptr<PartFile> file;
    session.change([&](uint64_t& used) {
      remove_remains(key, used);
      if (make_room(charge, next_use, used)) {
        file = std::make_unique<PartFile>(directory_.paths.part(directory_.boot, key), bytes);
        used += charge;
      }
    });
    if (file != nullptr || !sweep_is_due()) {
      return file;
    }
    session.recount([&] { return sweep(); });
  }
}

bool ShardCache::make_room(uint64_t needed, uint64_t next_use, uint64_t& used) {
  const std::lock_guard lock(mutex_);
  while (used > directory_.limit_bytes - needed) {
    const auto first = order_.take(next_use);
    if (!first) {
      return false;
    }
    evict(*first, used);
  }
  return true;
}

void ShardCache::evict(const Evictable& shard, uint64_t& used) {
  // One that is pinned comes back by release(), or by the next sweep().
  locks_->while_unpinned(
      shard.key, [&] { remove_charged(directory_.paths.shard(shard.boot, shard.key), used); });
}

// The claim is held: what still has the key's names is the leftover of a dead process, or damaged.
void ShardCache::remove_remains(const CacheKey& key, uint64_t& used) const {
  remove_charged(directory_.paths.part(directory_.boot, key), used);
  remove_charged(directory_.paths.shard(directory_.boot, key), used);
  for (const Uuid& boot : earlier_boots_) {
    remove_charged(directory_.paths.shard(boot, key), used);
  }
}

void ShardCache::discard(PartFile& file) {
  file.close();
  try {
    CacheLedger::Session session = ledger_.lock();
    ensure_trusted(session);
    session.change([&](uint64_t& used) { remove_charged(file.path(), used); });
  } catch (const Error&) {
    return;  // it is removed by a later sweep, of whoever has no room, since nobody claims it
  }
}

std::shared_ptr<const CachedShard> ShardCache::publish(
    Reservation& reservation, const std::shared_ptr<const KeyPin>& pin) const {
  const std::string path = directory_.paths.shard(directory_.boot, reservation.key());
  reservation.file_->close();
  rename_new(reservation.file_->path(), path);
  reservation.published_ = true;
  auto shard = std::make_shared<const CachedShard>(path, pin);
  reservation.claim_.reset();
  return shard;
}

void ShardCache::release(const CacheKey& key, uint64_t next_use) noexcept {
  const bool dead = next_use >= kLaterPass && next_use != kNoKnownUse;
  const int64_t modified_ns = dead ? dead_since(now_ns()) : now_ns();
  if (!set_modified(directory_.paths.shard(directory_.boot, key), modified_ns)) {
    return;
  }
  try {
    const std::lock_guard lock(mutex_);
    order_.add({.key = key, .boot = directory_.boot, .modified_ns = modified_ns});
  } catch (const std::bad_alloc&) {
    return;  // the next sweep finds it
  }
}

void ShardCache::ensure_trusted(CacheLedger::Session& session) {
  if (!session.trusted()) {
    session.recount([&] { return sweep(); });
  }
}

bool ShardCache::sweep_is_due() const { return std::chrono::steady_clock::now() >= next_sweep_; }

// Looks at all files: what they take, and which may go. Removes parts whose owners are dead.
uint64_t ShardCache::sweep() {
  const auto start = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  order_.clear();
  uint64_t used = 0;
  for (const CacheFile& file : list_cache(directory_.paths).files) {
    if (file.name.kind == CacheFileKind::kPart) {
      if (const auto claim = locks_->claim(file.name.key)) {
        remove_file(directory_.paths.file(file.boot, file.name));
        continue;
      }
    } else {
      order_.add({.key = file.name.key, .boot = file.boot, .modified_ns = file.modified_ns});
    }
    used += charged_bytes(file.bytes);
  }
  const auto end = std::chrono::steady_clock::now();
  next_sweep_ = end + std::max<std::chrono::steady_clock::duration>((end - start) * kSweepShare,
                                                                    kLeastSweepPause);
  return used;
}

}  // namespace headrace
