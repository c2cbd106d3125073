#include "dataset/shard_window.h"

#include <algorithm>
#include <optional>
#include <unistd.h>
#include <utility>

#include "base/checked.h"
#include "base/error.h"
#include "dataset/dataset_paths.h"

namespace headrace {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPollPause{50};
// So long a shard that somebody waits for keeps its place behind those that are used before it.
// Then it goes first: what is used before may be wanted by somebody who does not go on.
constexpr std::chrono::milliseconds kPatience{500};

// Positions of what no pass has named, before all of any pass: what one waits for who goes before
// all others, what others wait for, and what was looked for; and behind them: what was asked for.
constexpr uint64_t kNow = 0;
constexpr uint64_t kWaiting = 1;
constexpr uint64_t kSoon = 2;
constexpr uint64_t kAsked = kLaterPass - 1;
static_assert(kSoon < NextUses::kFirst);

}  // namespace

ShardWindow::ShardWindow(const Uuid& dataset, std::shared_ptr<const ShardTable> shards,
                         const ShardStoreOptions& options)
    : process_(::getpid()),
      shards_(std::move(shards)),
      rooms_(shards_, options.made),
      next_uses_(std::make_shared<NextUses>(dataset, shards_, options.made != nullptr)),
      cache_(ShardCache::open(
          {.directory = options.cache_directory,
           .limit_bytes = options.cache_bytes,
           .processes = options.processes,
           .next_use = [uses = next_uses_](const CacheKey& key) { return uses->next_use(key); },
           .lock_test = options.lock_test})),
      admission_(cache_, shards_),
      slots_(shards_->size()),
      share_([this] { return cache_->share_bytes(); }) {}

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

void ShardWindow::check_number(uint64_t shard) const {
  if (shard >= shards_->size()) {
    throw Error(ErrorCode::kInvalid, "there is no shard " + std::to_string(shard) +
                                         ": the dataset has " + std::to_string(shards_->size()) +
                                         ", and they are counted from 0");
  }
}

void ShardWindow::end_pass(uint64_t pass) noexcept {
  try {
    for (const uint64_t shard : slots_.wanted_by(pass)) {
      release(pass, shard, kNoKnownUse, {});
    }
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): no memory, or it is closed
  }
  next_uses_->end_pass(pass);
}

void ShardWindow::want(uint64_t pass, uint64_t shard, uint64_t position) {
  check_number(shard);
  if (position >= kLaterPass) {
    throw Error(ErrorCode::kInvalid, "position " + std::to_string(position) +
                                         " is out of range; those of a pass are below 2^62");
  }
  want_as(shard, {.pass = pass, .position = next_uses_->set(pass, shard, position)});
}

void ShardWindow::want_as(uint64_t shard, const ShardSlots::Want& want) {
  auto member = slots_.member();
  if (member == nullptr) {
    member = cache_->join();
  }
  if (!slots_.want(shard, want, std::move(member))) {
    push(shard);
  }
}

// Has a shard fetched where its slot stands, also if others change that meanwhile.
void ShardWindow::push(uint64_t shard) {
  ShardSlots::Place pushed;
  while (true) {
    const std::optional<ShardSlots::Place> place = slots_.place(shard);
    if (!place || *place == pushed) {
      return;
    }
    pushed = *place;
    FetchRequest request = rooms_.request(shard, pushed.position);
    request.generation = pushed.generation;
    queue_->push(request);
  }
}

// For somebody who needs it and did not want it before: at `position`, unless a use in a pass is
// known. Whoever reads in order has not come to want it then, and it must not take the room of what
// is used sooner.
void ShardWindow::want_unnamed(uint64_t shard, uint64_t position) {
  want_as(shard, {.position = position_of(shard, position)});
}

void ShardWindow::set_next_use(uint64_t pass, uint64_t shard, uint64_t position) {
  check_number(shard);
  next_uses_->set(pass, shard, position);
}

std::shared_ptr<const CachedShard> ShardWindow::find(uint64_t shard) {
  check_number(shard);
  if (auto found = slots_.find(shard)) {
    return std::move(*found);
  }
  want_unnamed(shard, kSoon);
  return nullptr;
}

void ShardWindow::ask(uint64_t shard) {
  check_number(shard);
  if (!slots_.find(shard)) {
    want_unnamed(shard, kAsked);
  }
}

void ShardWindow::let_go(uint64_t shard) {
  if (auto gone = slots_.take_if_idle(shard); gone.generation != 0) {
    drop(shard, std::move(gone));
  }
}

void ShardWindow::release(uint64_t pass, uint64_t shard, uint64_t position,
                          const std::function<void()>& retire) {
  check_number(shard);
  next_uses_->set(pass, shard, position);
  if (!slots_.release(shard, pass)) {
    push(shard);  // for the others it may come later
    return;
  }
  if (retire) {
    retire();
  }
  ShardSlots::Slot gone = slots_.take_if_unwanted(shard);
  if (gone.generation != 0 || !slots_.find(shard)) {
    drop(shard, std::move(gone));
  }
}

// What was taken of a shard: who wants it anew meanwhile has a request of his own in the queue. It
// may be in the cache also where nobody has it ready here: it was given back, or others read it.
void ShardWindow::drop(uint64_t shard, ShardSlots::Slot gone) {
  queue_->drop(shard, gone.generation);
  gone = {};
  cache_->release(next_uses_->key(shard), next_uses_->next_use(shard));
  queue_->ask_again();
}

std::shared_ptr<const CachedShard> ShardWindow::wait(uint64_t shard,
                                                     const std::function<void()>& poll,
                                                     const std::function<bool()>& first) {
  check_number(shard);
  if (auto there = slots_.ready(shard)) {
    return there;
  }
  try {
    return wait_counted(shard, poll, first);
  } catch (...) {
    let_go(shard);  // who did not want it does not release it
    throw;
  }
}

std::shared_ptr<const CachedShard> ShardWindow::wait_counted(uint64_t shard,
                                                             const std::function<void()>& poll,
                                                             const std::function<bool()>& first) {
  const auto since = steady_clock::now();
  const uint64_t failed_before = queue_->counters().failed;
  const bool wanted = slots_.begin_wait(shard);  // at a position of its own
  struct Leave {
    ShardSlots& slots;
    uint64_t shard;
    steady_clock::time_point since;
    ~Leave() { slots.end_wait(shard, steady_clock::now() - since); }
  } const leave{slots_, shard, since};
  if (!wanted) {
    want_unnamed(shard, kWaiting);
  }
  return wait_until_ready(shard, poll, first, failed_before);
}

std::shared_ptr<const CachedShard> ShardWindow::wait_until_ready(uint64_t shard,
                                                                 const std::function<void()>& poll,
                                                                 const std::function<bool()>& first,
                                                                 uint64_t failed_before) {
  const auto patient_until = steady_clock::now() + kPatience;
  uint64_t asked_at = kSoon;
  while (true) {
    bool pending = false;
    try {
      pending = queue_->wait(shard, kPollPause, failed_before);
    } catch (const Error&) {
      // Others may still have to see it. What somebody has wanted anew since then stays.
      if (queue_->describe(shard).empty()) {
        slots_.take(shard);
      }
      throw;
    }
    if (auto there = slots_.ready(shard)) {
      return there;
    }
    const bool patient = steady_clock::now() < patient_until;
    const bool goes_first = first && first();
    const uint64_t ask_at = goes_first ? kNow : patient ? kSoon : kWaiting;
    // What is not pending was given back, or released by somebody else.
    if (ask_at < kSoon && (ask_at < asked_at || !pending)) {
      asked_at = ask_at;
      want_as(shard, {.position = ask_at});
    } else if (!pending) {
      want_unnamed(shard, kWaiting);
    }
    poll();
    give_others_room();
  }
}

std::shared_ptr<FetchQueue> ShardWindow::jobs() {
  give_others_room();
  return queue_;
}

ShardStoreStats ShardWindow::stats() const {
  const FetchCounters counters = queue_->counters();
  ShardStoreStats stats = slots_.stats();
  stats.bytes = counters.bytes;
  stats.retries = counters.retries;
  return stats;
}

std::shared_ptr<const KeyPin> ShardWindow::pin_of(uint64_t shard) {
  return slots_.pin(shard, cache_->pin(next_uses_->key(shard)), fetch_charge(shard));
}

// Whether this process may hold one more shard ahead of its need; gives back what it needs later.
bool ShardWindow::fits_share(const FetchRequest& request) {
  const uint64_t share = share_bytes();
  do {
    const uint64_t others = slots_.held_by_others(request.id);
    if (others == 0 || saturating_add(others, fetch_charge(request.id)) <= share) {
      return true;
    }
  } while (give_back(request.next_use));
  return false;
}

FetchStart ShardWindow::start(const FetchRequest& request, bool urgent) {
  if (request.outgrown) {
    rooms_.learn(request.id, request.bytes);
  }
  // While another one calls for room, nobody takes any who does not go first.
  const bool yields = request.next_use != kNow && cache_->turns().others_call();
  if (yields || (!urgent && !fits_share(request))) {
    slots_.unpin(request.id);
    return {.step = FetchStep::kNoRoom};
  }
  const auto pin = pin_of(request.id);
  if (pin == nullptr) {
    return {.step = FetchStep::kReady};
  }
  const auto find = [&] {
    auto found = cache_->find(pin, rooms_.most_kept(request.id));
    const bool there = found != nullptr;
    if (there) {
      settle(request.id, std::move(found), true);
    }
    return there;
  };
  if (find()) {
    return {.step = FetchStep::kReady};
  }
  auto claim = cache_->claim(pin->key());
  if (claim == nullptr) {
    return {.step = FetchStep::kElsewhere};
  }
  if (find()) {  // whoever had the claim may have brought the shard
    return {.step = FetchStep::kReady};
  }
  return start_claimed(request, std::move(claim), urgent);
}

FetchStart ShardWindow::start_claimed(const FetchRequest& request,
                                      std::unique_ptr<const KeyClaim> claim, bool urgent) {
  const auto unchecked = cache_->unchecked(*claim, rooms_.most_kept(request.id));
  const bool wanted = slots_.change(request.id, request.generation, [&](ShardSlots::Slot& slot) {
    if (unchecked && !slot.check_failed) {
      slot.unchecked = *unchecked;
      slot.claim = std::move(claim);
    }
  });
  if (!wanted || claim == nullptr) {
    return {.step = wanted ? FetchStep::kCheck : FetchStep::kReady};
  }
  return reserve(request, std::move(claim), urgent);
}

FetchStart ShardWindow::reserve(const FetchRequest& request, std::unique_ptr<const KeyClaim> claim,
                                bool urgent) {
  std::shared_ptr<Reservation> reservation;
  const ShardRoom room = rooms_.room_of_request(request);
  do {
    reservation = cache_->reserve(claim, room, request.next_use);
  } while (reservation == nullptr && give_back(request.next_use, urgent));
  if (reservation == nullptr && urgent) {
    reservation = reserve_rest(request, claim);
  }
  if (reservation == nullptr) {
    if (urgent && request.next_use == kNow) {
      call_for_room(request);
    }
    slots_.unpin(request.id);
    return {.step = FetchStep::kNoRoom};
  }
  std::shared_ptr<const RoomCall> answered;
  const bool wanted = slots_.change(request.id, request.generation, [&](ShardSlots::Slot& slot) {
    slot.reservation = reservation;
    answered = std::move(slot.call);
  });
  if (!wanted) {
    return {.step = FetchStep::kReady};
  }
  if (!request.outgrown) {
    slots_.count_fetch(request.id);
  }
  return {.step = FetchStep::kGranted,
          .file = std::shared_ptr<const PartFile>(reservation, &reservation->file())};
}

// The turn is that of who waits: what others hold without reading it, and not he, keeps him
// waiting.
void ShardWindow::call_for_room(const FetchRequest& request) {
  auto call = cache_->turns().call();
  slots_.change(request.id, request.generation, [&](ShardSlots::Slot& slot) {
    if (slot.call == nullptr) {
      slot.call = std::move(call);
    }
  });
}

// The room that is left, for a shard whose size is not known: that may be enough, and else it is
// known when it was made. Who waits for it must not wait for room that it does not need.
std::shared_ptr<Reservation> ShardWindow::reserve_rest(const FetchRequest& request,
                                                       std::unique_ptr<const KeyClaim>& claim) {
  if (!rooms_.is_estimate(request.id)) {
    return nullptr;
  }
  const uint64_t limit = cache_->limit_bytes();
  const uint64_t left = limit - std::min(limit, cache_->used_bytes());
  if (left < rooms_.least_room(request.id).charge()) {
    return nullptr;
  }
  // Whole blocks, as the cache counts them.
  const ShardRoom rest{.bytes =
                           std::min(request.bytes, left / charged_bytes(1) * charged_bytes(1))};
  return cache_->reserve(claim, rest, request.next_use);
}

bool ShardWindow::check(const FetchRequest& request) {
  std::unique_ptr<const KeyClaim> claim;
  std::shared_ptr<const KeyPin> pin;
  std::string path;
  const bool wanted = slots_.change(request.id, request.generation, [&](ShardSlots::Slot& slot) {
    claim = std::move(slot.claim);
    pin = slot.pin;
    path = slot.unchecked;
    slot.check_failed = true;  // unless it is found right
  });
  if (!wanted) {
    return true;
  }
  try {
    if (!admission_.adopt(*claim, path, request.id)) {
      return false;  // it is removed when there is room for it to be fetched
    }
  } catch (const Error&) {
    return false;
  }
  auto found = cache_->find(pin, rooms_.most_kept(request.id));
  if (found == nullptr) {
    return false;
  }
  settle(request.id, std::move(found), true);
  return true;
}

void ShardWindow::admit(const FetchRequest& request) {
  std::shared_ptr<Reservation> reservation;
  std::shared_ptr<const KeyPin> pin;
  slots_.change(request.id, request.generation, [&](ShardSlots::Slot& slot) {
    reservation = slot.reservation.lock();
    pin = slot.pin;
  });
  if (reservation == nullptr || pin == nullptr) {
    return;  // it was released, and perhaps is wanted anew
  }
  const auto stop_unless_wanted = [&] {
    if (!slots_.find(request.id)) {
      throw Error(ErrorCode::kCancelled, "nobody wants the shard any more");
    }
  };
  settle(request.id,
         admission_.admit(*reservation, pin, request.id, request.bytes, stop_unless_wanted), false);
}

void ShardWindow::settle(uint64_t shard, std::shared_ptr<const CachedShard> ready, bool hit) {
  rooms_.learn(shard, ready->info().size);
  const uint64_t bytes = charged_bytes(ready->info().size);
  slots_.settle(shard, std::move(ready), bytes, hit);
}

// Gives back the shard that is used last of those that nobody holds or waits for, if it is used
// after `position`; it is wanted again in its turn. While that one is on its way, nothing: one that
// is used before it would be fetched twice. For somebody who waits, the last that is there; if he
// goes before all others, any of them: those that others have waited for may be all that there are.
bool ShardWindow::give_back(uint64_t position, bool urgent) {
  // Not in front, where somebody may have waited for it: there it would hold up all others. What
  // was asked for stays behind them.
  const auto again = [this](uint64_t shard, const ShardSlots::Slot& slot) {
    return position_of(shard, slot.wants.empty() ? std::max(slot.position, kSoon) : kSoon);
  };
  using enum ShardSlots::GiveBack;
  const auto which = !urgent ? kLast : position == kNow ? kAny : kReady;
  auto given = slots_.give_back(position, which, again);
  if (!given) {
    return false;
  }
  const uint64_t shard = given->shard;
  const uint64_t next = given->position;
  given.reset();
  cache_->release(next_uses_->key(shard), next);
  push(shard);
  return true;
}

// What is beyond the share, since another process may have come; and where one calls for room, all
// that nobody reads.
void ShardWindow::give_others_room() {
  const uint64_t share = share_bytes();
  while (slots_.stats().held_bytes > share && give_back(0)) {
  }
  if (!cache_->turns().others_call()) {
    return;
  }
  std::function<void()> give_up;
  {
    const std::lock_guard lock(give_up_mutex_);
    give_up = give_up_;
  }
  if (give_up) {
    give_up();
  }
  while (give_back(kNow, true)) {
  }
}

void ShardWindow::when_called(std::function<void()> give_up) {
  const std::lock_guard lock(give_up_mutex_);
  give_up_ = std::move(give_up);
}

}  // namespace headrace
