#include "dataset/shard_window.h"

#include <algorithm>
#include <optional>
#include <unistd.h>
#include <utility>

#include "base/error.h"
#include "dataset/dataset_paths.h"
#include "dataset/file_hashes.h"

namespace headrace {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPollPause{50};
constexpr std::chrono::seconds kShareAge{1};  // how long a count of processes is believed

// Throws kCorrupt or kTruncated where the file is not what the manifest says.
void check_file(const std::string& path, const FetchRequest& expected) {
  const File file(path, std::nullopt, Links::kRefuse);
  if (file.info().size != expected.bytes) {
    throw Error(ErrorCode::kTruncated, "it has " + std::to_string(file.info().size) +
                                           " bytes, and the manifest says " +
                                           std::to_string(expected.bytes));
  }
  const Poll never_stop = [] {};
  if (FileHashes(file, FileHashes::Whole::kYes, never_stop).whole() != expected.xxh3) {
    throw Error(ErrorCode::kCorrupt, "its bytes have another hash than the manifest says");
  }
}

}  // namespace

ShardWindow::ShardWindow(const Uuid& dataset, std::shared_ptr<const ShardTable> shards,
                         const ShardStoreOptions& options)
    : process_(::getpid()),
      shards_(std::move(shards)),
      next_uses_(std::make_shared<NextUses>(dataset, shards_)),
      cache_(ShardCache::open(
          {.directory = options.cache_directory,
           .limit_bytes = options.cache_bytes,
           .processes = options.processes,
           .next_use = [uses = next_uses_](const CacheKey& key) { return uses->position(key); }})),
      fetched_(shards_->size()) {}

std::shared_ptr<ShardWindow> ShardWindow::open(const Uuid& dataset,
                                               std::shared_ptr<const ShardTable> shards,
                                               const ShardStoreOptions& options) {
  std::shared_ptr<ShardWindow> window(new ShardWindow(dataset, std::move(shards), options));
  const std::weak_ptr<ShardWindow> weak = window;
  // A job may outlive the store; nobody waits for its bytes then.
  const auto with = [weak](const auto& action, auto otherwise) {
    const auto strong = weak.lock();
    return strong != nullptr ? action(*strong) : otherwise;
  };
  const FetchHooks hooks = {
      .start =
          [with](const FetchRequest& request, bool urgent) {
            return with([&](ShardWindow& self) { return self.start(request, urgent); },
                        FetchStart{});
          },
      .check =
          [with](const FetchRequest& request) {
            return with([&](ShardWindow& self) { return self.check(request); }, true);
          },
      .admit =
          [with](const FetchRequest& request) {
            with([&](ShardWindow& self) { return self.admit(request), true; }, true);
          }};
  window->queue_ = FetchQueue::make(hooks, options.fetch);
  return window;
}

FetchRequest ShardWindow::request(uint64_t shard, uint64_t position) const {
  return {.id = shard,
          .next_use = position,
          .bytes = shards_->stored_bytes[shard],
          .xxh3 = shards_->stored_xxh3[shard],
          .name = "shards/" + DatasetPaths::shard_name(shards_->ids[shard])};
}

void ShardWindow::check_number(uint64_t shard) const {
  if (shard >= shards_->size()) {
    throw Error(ErrorCode::kInvalid, "there is no shard " + std::to_string(shard) +
                                         ": the dataset has " + std::to_string(shards_->size()) +
                                         ", and they are counted from 0");
  }
}

void ShardWindow::want(uint64_t shard, uint64_t position) {
  check_number(shard);
  next_uses_->set(shard, position);
  {
    const std::lock_guard lock(mutex_);
    Slot& slot = slots_[shard];
    slot.position = position;
    if (slot.ready != nullptr) {
      return;
    }
  }
  queue_->push(request(shard, position));
}

void ShardWindow::set_next_use(uint64_t shard, uint64_t position) {
  check_number(shard);
  next_uses_->set(shard, position);
}

void ShardWindow::release(uint64_t shard, uint64_t position) {
  check_number(shard);
  next_uses_->set(shard, position);
  queue_->drop(shard);
  Slot gone = take_slot(shard);
  if (gone.ready != nullptr) {
    gone = {};
    cache_->release(next_uses_->key(shard), position);
  }
}

std::shared_ptr<const CachedShard> ShardWindow::ready(uint64_t shard) {
  const std::lock_guard lock(mutex_);
  const auto found = slots_.find(shard);
  return found != slots_.end() ? found->second.ready : nullptr;
}

std::shared_ptr<const CachedShard> ShardWindow::wait(uint64_t shard,
                                                     const std::function<void()>& poll) {
  check_number(shard);
  if (auto there = ready(shard)) {
    return there;
  }
  const auto since = steady_clock::now();
  bool wanted = false;
  {
    const std::lock_guard lock(mutex_);
    wanted = slots_.contains(shard);
    ++waiting_[shard];
  }
  struct Leave {
    ShardWindow& window;
    uint64_t shard;
    steady_clock::time_point since;
    ~Leave() {
      const std::lock_guard lock(window.mutex_);
      if (const auto count = window.waiting_.find(shard); --count->second == 0) {
        window.waiting_.erase(count);
      }
      ++window.stats_.waits;
      window.stats_.waited += steady_clock::now() - since;
    }
  } const leave{*this, shard, since};
  if (wanted) {
    return wait_until_ready(shard, poll);
  }
  want(shard, 0);
  return wait_until_ready(shard, [&] {
    try {
      poll();
    } catch (...) {
      release(shard, kNoKnownUse);  // who did not want it does not release it
      throw;
    }
  });
}

std::shared_ptr<const CachedShard> ShardWindow::wait_until_ready(
    uint64_t shard, const std::function<void()>& poll) {
  while (true) {
    bool pending = false;
    try {
      pending = queue_->wait(shard, kPollPause);
    } catch (const Error&) {
      forget(shard);
      throw;
    }
    if (auto there = ready(shard)) {
      return there;
    }
    if (!pending) {
      want(shard, 0);  // it was given back, or released by somebody else
    }
    poll();
    shrink_to_share();
  }
}

ShardWindow::Slot ShardWindow::take_slot(uint64_t shard) {
  const std::lock_guard lock(mutex_);
  Slot taken;
  if (const auto found = slots_.find(shard); found != slots_.end()) {
    taken = std::move(found->second);
    slots_.erase(found);
    stats_.held_bytes -= taken.pin != nullptr ? charge(shard) : 0;
  }
  return taken;
}

// After a failure, which others may still have to see.
void ShardWindow::forget(uint64_t shard) { take_slot(shard); }

std::unique_ptr<FetchJob> ShardWindow::take(std::chrono::milliseconds timeout) {
  shrink_to_share();
  return queue_->take(timeout);
}

ShardStoreStats ShardWindow::stats() const {
  const FetchCounters counters = queue_->counters();
  const std::lock_guard lock(mutex_);
  ShardStoreStats stats = stats_;
  stats.bytes = counters.bytes;
  stats.retries = counters.retries;
  return stats;
}

uint64_t ShardWindow::share_bytes() {
  {
    const std::lock_guard lock(mutex_);
    if (steady_clock::now() < share_until_) {
      return share_;
    }
  }
  const uint64_t share = cache_->share_bytes();
  const std::lock_guard lock(mutex_);
  share_ = share;
  share_until_ = steady_clock::now() + kShareAge;
  return share;
}

std::shared_ptr<const KeyPin> ShardWindow::pin_of(uint64_t shard) {
  auto pin = cache_->pin(next_uses_->key(shard));
  const std::lock_guard lock(mutex_);
  const auto slot = slots_.find(shard);
  if (slot == slots_.end() || slot->second.ready != nullptr) {
    return nullptr;
  }
  if (slot->second.pin == nullptr) {
    slot->second.pin = std::move(pin);
    stats_.held_bytes += charge(shard);
  }
  return slot->second.pin;
}

void ShardWindow::unpin(uint64_t shard) {
  const std::lock_guard lock(mutex_);
  if (const auto slot = slots_.find(shard);
      slot != slots_.end() && slot->second.pin != nullptr && slot->second.ready == nullptr) {
    slot->second.pin.reset();
    stats_.held_bytes -= charge(shard);
  }
}

// Whether this process may hold one more shard ahead of its need; gives back what it needs later.
bool ShardWindow::fits_share(const FetchRequest& request) {
  const uint64_t share = share_bytes();
  do {
    const std::lock_guard lock(mutex_);
    const auto slot = slots_.find(request.id);
    const bool counted = slot != slots_.end() && slot->second.pin != nullptr;
    const uint64_t held = stats_.held_bytes - (counted ? charge(request.id) : 0);
    if (held == 0 || held + charge(request.id) <= share) {
      return true;
    }
  } while (give_back(request.next_use));
  return false;
}

FetchStart ShardWindow::start(const FetchRequest& request, bool urgent) {
  if (!urgent && !fits_share(request)) {
    unpin(request.id);
    return {.step = FetchStep::kNoRoom};
  }
  const auto pin = pin_of(request.id);
  if (pin == nullptr) {
    return {.step = FetchStep::kReady};
  }
  auto claim = std::unique_ptr<const KeyClaim>();
  // Again with the claim: whoever had it may have brought the shard.
  for (const bool claimed : {false, true}) {
    if (auto found = cache_->find(pin, request.bytes)) {
      settle(request.id, std::move(found), true);
      return {.step = FetchStep::kReady};
    }
    if (!claimed && (claim = cache_->claim(pin->key())) == nullptr) {
      return {.step = FetchStep::kElsewhere};
    }
  }
  return start_claimed(request, std::move(claim));
}

FetchStart ShardWindow::start_claimed(const FetchRequest& request,
                                      std::unique_ptr<const KeyClaim> claim) {
  const auto unchecked = cache_->unchecked(*claim, request.bytes);
  {
    const std::lock_guard lock(mutex_);
    const auto slot = slots_.find(request.id);
    if (slot == slots_.end()) {
      return {.step = FetchStep::kReady};
    }
    if (unchecked && !slot->second.check_failed) {
      slot->second.unchecked = *unchecked;
      slot->second.claim = std::move(claim);
      return {.step = FetchStep::kCheck};
    }
  }
  return reserve(request, std::move(claim));
}

FetchStart ShardWindow::reserve(const FetchRequest& request,
                                std::unique_ptr<const KeyClaim> claim) {
  std::shared_ptr<Reservation> reservation;
  do {
    reservation = cache_->reserve(claim, request.bytes, request.next_use);
  } while (reservation == nullptr && give_back(request.next_use));
  if (reservation == nullptr) {
    unpin(request.id);
    return {.step = FetchStep::kNoRoom};
  }
  const std::lock_guard lock(mutex_);
  const auto slot = slots_.find(request.id);
  if (slot == slots_.end()) {
    return {.step = FetchStep::kReady};
  }
  slot->second.reservation = reservation;
  ++stats_.fetches;
  stats_.refetches += fetched_[request.id] ? 1 : 0;
  fetched_[request.id] = true;
  return {.step = FetchStep::kGranted,
          .file = std::shared_ptr<const PartFile>(reservation, &reservation->file())};
}

bool ShardWindow::check(const FetchRequest& request) {
  std::unique_ptr<const KeyClaim> claim;
  std::shared_ptr<const KeyPin> pin;
  std::string path;
  {
    const std::lock_guard lock(mutex_);
    const auto slot = slots_.find(request.id);
    if (slot == slots_.end()) {
      return true;
    }
    claim = std::move(slot->second.claim);
    pin = slot->second.pin;
    path = slot->second.unchecked;
    slot->second.check_failed = true;  // unless it is found right
  }
  try {
    check_file(path, request);
    cache_->adopt(*claim, path);
  } catch (const Error&) {
    return false;  // it is removed when there is room for it to be fetched
  }
  auto found = cache_->find(pin, request.bytes);
  if (found == nullptr) {
    return false;
  }
  settle(request.id, std::move(found), true);
  return true;
}

void ShardWindow::admit(const FetchRequest& request) {
  std::shared_ptr<Reservation> reservation;
  std::shared_ptr<const KeyPin> pin;
  {
    const std::lock_guard lock(mutex_);
    const auto slot = slots_.find(request.id);
    if (slot == slots_.end()) {
      return;
    }
    reservation = slot->second.reservation.lock();
    pin = slot->second.pin;
  }
  if (reservation == nullptr || pin == nullptr) {
    return;  // it was released, and is wanted anew
  }
  check_file(reservation->file().path(), request);
  settle(request.id, cache_->publish(*reservation, pin), false);
}

void ShardWindow::settle(uint64_t shard, std::shared_ptr<const CachedShard> ready, bool hit) {
  const std::lock_guard lock(mutex_);
  const auto slot = slots_.find(shard);
  if (slot == slots_.end()) {
    return;
  }
  slot->second.ready = std::move(ready);
  stats_.hits += hit ? 1 : 0;
}

// Gives back the shard that is used last of those that are there and that nobody holds or waits
// for, if it is used after `position`; it is wanted again in its turn.
bool ShardWindow::give_back(uint64_t position) {
  std::optional<uint64_t> farthest;
  Slot given;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [shard, slot] : slots_) {
      const bool idle =
          slot.ready != nullptr && slot.ready.use_count() == 1 && !waiting_.contains(shard);
      if (idle && slot.position > position) {
        farthest = shard;
        position = slot.position;
      }
    }
    if (!farthest) {
      return false;
    }
    Slot& slot = slots_[*farthest];
    std::swap(given.ready, slot.ready);
    std::swap(given.pin, slot.pin);
    stats_.held_bytes -= given.pin != nullptr ? charge(*farthest) : 0;
  }
  given = {};
  cache_->release(next_uses_->key(*farthest), position);
  queue_->push(request(*farthest, position));
  return true;
}

// Another process may have come since this one took its share.
void ShardWindow::shrink_to_share() {
  const uint64_t share = share_bytes();
  const auto holds_more = [&] {
    const std::lock_guard lock(mutex_);
    return stats_.held_bytes > share;
  };
  while (holds_more() && give_back(0)) {
  }
}

}  // namespace headrace
