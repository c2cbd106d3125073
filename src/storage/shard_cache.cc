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

// So often it is done even where there is room: parts of the dead would stay.
constexpr std::chrono::seconds kRoutineSweepPause{10};

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

// Gives back what `used` counts of a file behind its first `bytes` bytes.
void shorten_counted(PartFile& file, uint64_t bytes, uint64_t& used) {
  used -= std::min(used, charged_bytes(file.bytes()) - charged_bytes(bytes));
  file.shorten(bytes);
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

Error too_small_error(const std::string& directory, uint64_t limit, const ShardRoom& room) {
  const std::string expanding =
      room.stored_bytes == 0
          ? ""
          : ", and " + std::to_string(room.stored_bytes) + " more while its compression is undone";
  return Error(ErrorCode::kInvalid,
               directory + ": the cache may take " + std::to_string(limit) +
                   " bytes, and one shard alone has " + std::to_string(room.bytes) + expanding +
                   "; give a cache_bytes that holds the window of the shuffle and one shard more",
               {.file = directory, .column = ""});
}

// Whether a file can be the shard `key` of `bytes` bytes; where it has its own size, these are the
// most.
bool may_be(const DirectoryEntry& found, const CacheKey& key, uint64_t bytes) noexcept {
  return found.regular && (found.bytes == bytes || (key.has_own_size() && found.bytes < bytes));
}

}  // namespace

Reservation::Reservation(std::shared_ptr<ShardCache> cache, std::unique_ptr<const KeyClaim> claim,
                         Parts parts)
    : cache_(std::move(cache)),
      claim_(std::move(claim)),
      parts_(std::move(parts)),
      process_(::getpid()) {}

Reservation::~Reservation() {
  if (!published_ && process_ == ::getpid()) {
    cache_->discard(parts_);
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
      turns_(WaitingTurns::open(directory_.paths.pins())),
      ledger_(directory_.paths.ledger(), directory_.boot, directory_.limit_bytes),
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
  return share_among(directory_.is_private ? 1 : locks_->count_members());
}

uint64_t ShardCache::share_among(uint64_t processes) const noexcept {
  if (directory_.is_private) {
    return directory_.limit_bytes;
  }
  return directory_.limit_bytes / std::max({processes, processes_, uint64_t{1}});
}

uint64_t ShardCache::used_bytes() {
  CacheLedger::Session session = ledger_.lock();
  ensure_trusted(session);
  return session.used();
}

std::shared_ptr<const CacheMember> ShardCache::join() { return locks_->join(); }

std::shared_ptr<const KeyPin> ShardCache::pin(const CacheKey& key) { return locks_->pin(key); }

std::shared_ptr<const CachedShard> ShardCache::find(const std::shared_ptr<const KeyPin>& pin,
                                                    uint64_t bytes) const {
  const std::string path = directory_.paths.shard(directory_.boot, pin->key());
  const auto found = look_up(path);
  if (!found || !may_be(*found, pin->key(), bytes)) {
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
    if (const auto found = look_up(path); found && may_be(*found, claim.key(), bytes)) {
      return path;
    }
  }
  return std::nullopt;
}

void ShardCache::adopt(const KeyClaim& claim, const std::string& path) {
  rename_uncounted(path, directory_.paths.shard(directory_.boot, claim.key()));
}

// Takes and frees no room. Still under the lock: whoever counts the files meanwhile might see
// neither name.
void ShardCache::rename_uncounted(const std::string& from, const std::string& to) {
  const CacheLedger::Session session = ledger_.lock();
  rename_new(from, to);
}

std::shared_ptr<Reservation> ShardCache::reserve(std::unique_ptr<const KeyClaim>& claim,
                                                 const ShardRoom& room, uint64_t next_use) {
  if (room.charge() > directory_.limit_bytes) {
    throw too_small_error(directory(), directory_.limit_bytes, room);
  }
  Reservation::Parts parts = take_room(claim->key(), room, next_use);
  if (parts.shard == nullptr) {
    return nullptr;
  }
  auto reservation =
      std::make_shared<Reservation>(shared_from_this(), std::move(claim), std::move(parts));
  reservation->file().allocate();
  if (reservation->key().expanded) {
    reservation->expanded().allocate();
  }
  return reservation;
}

// No parts where there is no room.
Reservation::Parts ShardCache::take_room(const CacheKey& key, const ShardRoom& room,
                                         uint64_t next_use) {
  CacheLedger::Session session = ledger_.lock();
  if (!session.trusted() || std::chrono::steady_clock::now() >= next_routine_sweep_) {
    session.recount([&] { return sweep(); });
  }
  while (true) {
    Reservation::Parts parts;
    session.change([&](uint64_t& used) {
      remove_remains(key, used);
      if (make_room(room.charge(), next_use, used)) {
        parts = make_parts(key, room);
        used += room.charge();
      }
    });
    if (parts.shard != nullptr || std::chrono::steady_clock::now() < next_sweep_) {
      return parts;
    }
    session.recount([&] { return sweep(); });
  }
}

Reservation::Parts ShardCache::make_parts(const CacheKey& key, const ShardRoom& room) const {
  const CachePaths& paths = directory_.paths;
  Reservation::Parts parts;
  parts.shard = std::make_unique<PartFile>(paths.part(directory_.boot, key), room.bytes);
  if (key.expanded) {
    parts.stored =
        std::make_unique<PartFile>(paths.stored(directory_.boot, key), room.stored_bytes);
  }
  return parts;
}

bool ShardCache::make_room(uint64_t needed, uint64_t next_use, uint64_t& used) {
  const std::lock_guard lock(mutex_);
  std::vector<Evictable> kept;
  bool found = true;
  while (found && used > directory_.limit_bytes - needed) {
    const auto first = order_.take(next_use);
    found = first.has_value();
    // Others who have pinned it release it, or the next sweep() finds it. Who has released it here
    // may still read it, and does not say when he has ended.
    if (found && !evict(*first, used) && locks_->has_pinned(first->key)) {
      kept.push_back(*first);
    }
  }
  for (const Evictable& shard : kept) {
    order_.add(shard);
  }
  return found;
}

// False where it is pinned.
bool ShardCache::evict(const Evictable& shard, uint64_t& used) {
  return locks_->while_unpinned(
      shard.key, [&] { remove_counted(directory_.paths.shard(shard.boot, shard.key), used); });
}

// The claim is held: what still has the key's names is the leftover of a dead process, or damaged.
void ShardCache::remove_remains(const CacheKey& key, uint64_t& used) const {
  remove_counted(directory_.paths.part(directory_.boot, key), used);
  if (key.expanded) {
    remove_counted(directory_.paths.stored(directory_.boot, key), used);
  }
  remove_counted(directory_.paths.shard(directory_.boot, key), used);
  for (const Uuid& boot : earlier_boots_) {
    remove_counted(directory_.paths.shard(boot, key), used);
  }
}

void ShardCache::discard(Reservation::Parts& parts) {
  parts.shard->close();
  if (parts.stored != nullptr) {
    parts.stored->close();
  }
  try {
    CacheLedger::Session session = ledger_.lock();
    ensure_trusted(session);
    session.change([&](uint64_t& used) {
      remove_counted(parts.shard->path(), used);
      if (parts.stored != nullptr) {
        remove_counted(parts.stored->path(), used);
      }
    });
  } catch (const Error&) {
    return;  // it is removed by a later sweep, of whoever has no room, since nobody claims it
  }
}

void ShardCache::shorten(Reservation& reservation, uint64_t bytes) {
  CacheLedger::Session session = ledger_.lock();
  ensure_trusted(session);
  session.change([&](uint64_t& used) { shorten_counted(*reservation.parts_.shard, bytes, used); });
}

std::shared_ptr<const CachedShard> ShardCache::publish(Reservation& reservation,
                                                       const std::shared_ptr<const KeyPin>& pin) {
  const std::string path = directory_.paths.shard(directory_.boot, reservation.key());
  reservation.parts_.shard->close();
  rename_uncounted(reservation.parts_.shard->path(), path);
  return hand_over(reservation, pin, path);
}

std::shared_ptr<const CachedShard> ShardCache::publish_expanded(
    Reservation& reservation, const std::shared_ptr<const KeyPin>& pin, uint64_t bytes) {
  const std::string path = directory_.paths.shard(directory_.boot, reservation.key());
  PartFile& shard = *reservation.parts_.shard;
  reservation.parts_.stored->close();
  {
    CacheLedger::Session session = ledger_.lock();
    ensure_trusted(session);
    session.change([&](uint64_t& used) {
      remove_counted(reservation.parts_.stored->path(), used);
      shorten_counted(shard, bytes, used);
      rename_new(shard.path(), path);
    });
  }
  shard.close();
  return hand_over(reservation, pin, path);
}

// Of a shard that has its name.
std::shared_ptr<const CachedShard> ShardCache::hand_over(Reservation& reservation,
                                                         const std::shared_ptr<const KeyPin>& pin,
                                                         const std::string& path) const {
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

// Removes the directories of earlier boots that hold nothing any more.
void ShardCache::remove_empty_boots(const CacheListing& listing) const {
  for (const Uuid& boot : listing.boots) {
    if (boot != directory_.boot &&
        std::ranges::find(listing.files, boot, &CacheFile::boot) == listing.files.end()) {
      ::rmdir(directory_.paths.boot(boot).c_str());  // fails where something else is in it
    }
  }
}

// Looks at all files: what they take, and which may go. Removes parts whose owners are dead.
uint64_t ShardCache::sweep() {
  const auto start = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  order_.clear();
  uint64_t used = 0;
  const CacheListing listing = list_cache(directory_.paths);
  remove_empty_boots(listing);
  for (const CacheFile& file : listing.files) {
    if (file.name.kind != CacheFileKind::kShard) {
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
  const auto pause =
      std::max<std::chrono::steady_clock::duration>((end - start) * kSweepShare, kLeastSweepPause);
  next_sweep_ = end + pause;
  next_routine_sweep_ =
      end + std::max<std::chrono::steady_clock::duration>(pause, kRoutineSweepPause);
  return used;
}

}  // namespace headrace
