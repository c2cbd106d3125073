#include "storage/fetch_queue.h"

#include <algorithm>
#include <random>
#include <unistd.h>

#include "storage/url_text.h"

namespace headrace {
namespace {

using std::chrono::steady_clock;

// How often it is asked again for what others have: a claim, or room.
constexpr std::chrono::milliseconds kAskAgain{20};

FetchOptions with_random(FetchOptions options) {
  if (!options.clock.random) {
    options.clock.random = [engine = std::mt19937_64(std::random_device{}())]() mutable {
      return std::uniform_real_distribution<double>(0, 1)(engine);
    };
  }
  return options;
}

Error closed_error() {
  return Error(ErrorCode::kCancelled, "the store of remote shards was closed");
}

// What `hook` throws.
template <typename Hook>
std::optional<Error> error_of_hook(Hook&& hook) {
  try {
    hook();
    return std::nullopt;
  } catch (const Error& error) {
    return error;
  } catch (const std::exception& error) {
    return Error(ErrorCode::kIo, error.what());  // no memory
  }
}

// Whether other bytes might be right.
bool bytes_are_wrong(const Error& error) noexcept {
  return error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kTruncated;
}

std::string seconds_text(std::chrono::nanoseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time).count()) + " s";
}

}  // namespace

std::shared_ptr<FetchQueue> FetchQueue::make(FetchHooks hooks, FetchOptions options) {
  return std::shared_ptr<FetchQueue>(new FetchQueue(std::move(hooks), std::move(options)));
}

FetchQueue::FetchQueue(FetchHooks hooks, FetchOptions options)
    : hooks_(std::move(hooks)), options_(with_random(std::move(options))), process_(::getpid()) {}

FetchQueue::Lock::~Lock() {
  if (lock_.owns_lock()) {
    unlock();
  }
}

void FetchQueue::Lock::unlock() noexcept {
  std::multimap<uint64_t, EntryPtr> gone;
  gone.swap(ended);
  lock_.unlock();
  for (const auto& [id, entry] : gone) {
    entry->file.reset();
  }
}

bool FetchQueue::is_foreign() const noexcept { return process_ != ::getpid(); }

void FetchQueue::push(const FetchRequest& request) {
  Lock lock(*this);
  check_open();
  const auto found = entries_.find(request.id);
  EntryPtr entry = found != entries_.end() ? found->second : nullptr;
  if (entry != nullptr && entry->request.generation > request.generation) {
    return;
  }
  if (const auto failed = failures_.find(request.id); failed != failures_.end()) {
    failed->second.forgotten = true;
  }
  if (entry != nullptr && entry->request.generation < request.generation) {
    end(lock, entry);
    entry = nullptr;
  }
  if (entry != nullptr) {
    order_.erase({entry->request.next_use, request.id});
    entry->request.next_use = request.next_use;
  } else {
    entry = std::make_shared<FetchEntry>(request);
    entries_.emplace(request.id, entry);
  }
  order_.emplace(std::pair(request.next_use, request.id), entry);
  changed_.notify_all();
}

void FetchQueue::drop(uint64_t id, uint64_t generation) {
  Lock lock(*this);
  failures_.erase(id);
  if (const auto found = entries_.find(id);
      found != entries_.end() && found->second->request.generation <= generation) {
    finish(lock, EntryPtr(found->second), std::nullopt);
  }
}

void FetchQueue::ask_again() {
  const std::lock_guard lock(mutex_);
  for (const auto& [order, entry] : order_) {
    if (entry->phase == FetchPhase::kQueued && entry->holds_up) {
      entry->not_before = {};
      changed_.notify_all();
    }
  }
}

void FetchQueue::close() noexcept {
  Lock lock(*this);
  closed_ = true;
  for (const auto& [id, entry] : entries_) {
    entry->dropped = true;
  }
  order_.clear();
  lock.ended.merge(entries_);
  changed_.notify_all();
}

FetchCounters FetchQueue::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

std::string FetchQueue::describe(uint64_t id) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) {
    return "";
  }
  return found->second->describe();
}

std::unique_ptr<FetchJob> FetchQueue::take(std::chrono::milliseconds timeout) {
  const TimePoint until = steady_clock::now() + timeout;
  Lock lock(*this);
  while (true) {
    check_open();
    expire(lock);
    if (auto job = take_range()) {
      return job;
    }
    if (start_next(lock)) {
      continue;
    }
    if (steady_clock::now() >= until) {
      return nullptr;
    }
    ++idle_takers_;
    sleep_until(lock, until);
    --idle_takers_;
  }
}

bool FetchQueue::wait(uint64_t id, std::chrono::milliseconds timeout, uint64_t failed_before) {
  const TimePoint until = steady_clock::now() + timeout;
  Lock lock(*this);
  const auto wanted = entries_.find(id);
  const EntryPtr entry = wanted != entries_.end() ? wanted->second : nullptr;
  if (entry != nullptr && ++entry->waiters == 1 && entry->phase == FetchPhase::kQueued) {
    entry->not_before = {};  // being urgent it may be started now
    changed_.notify_all();
  }
  struct Leave {
    const EntryPtr& entry;
    ~Leave() {
      if (entry != nullptr) {
        --entry->waiters;
      }
    }
  } const leave{entry};
  while (true) {
    check_open();
    expire(lock);
    if (const auto failed = failures_.find(id);
        failed != failures_.end() &&
        (!failed->second.forgotten || failed->second.number > failed_before)) {
      throw Error(failed->second.error);
    }
    if (!entries_.contains(id)) {
      return false;
    }
    // Starting may have to wait for other processes, which those who fetch can do better.
    if (idle_takers_ == 0 && start_next(lock)) {
      continue;
    }
    if (steady_clock::now() >= until) {
      return true;
    }
    sleep_until(lock, until);
  }
}

void FetchQueue::check_open() const {
  if (closed_) {
    throw closed_error();
  }
}

// Sleeps until something changes, is due, or `until`.
void FetchQueue::sleep_until(Lock& lock, TimePoint until) {
  if (!lock.ended.empty()) {
    lock.unlock();
    lock.lock();
    return;  // much may have changed
  }
  const TimePoint now = options_.clock.now();
  for (const auto& [order, entry] : order_) {
    if (const auto event = entry->next_event(now)) {
      until = std::min(until, steady_clock::now() + (*event - now));
    }
  }
  changed_.wait_until(lock.to_wait(), until);
}

std::unique_ptr<FetchJob> FetchQueue::take_range() {
  const TimePoint now = options_.clock.now();
  for (const auto& [order, entry] : order_) {
    if (const auto range = entry->take_range(now)) {
      if (!entry->deadline) {
        entry->begun = now;
        entry->deadline = now + time_allowed(options_.retry, entry->request.bytes);
      }
      return std::make_unique<FetchJob>(shared_from_this(), entry, *range);
    }
  }
  return nullptr;
}

// Starts the first request that may be started; false where none may.
bool FetchQueue::start_next(Lock& lock) {
  if (starting_) {
    return false;
  }
  const TimePoint now = options_.clock.now();
  for (const auto& [order, entry] : order_) {
    if (entry->phase != FetchPhase::kQueued) {
      continue;
    }
    if (entry->not_before <= now) {
      start(lock, EntryPtr(entry));
      return true;
    }
    if (entry->holds_up) {
      return false;
    }
  }
  return false;
}

void FetchQueue::start(Lock& lock, const EntryPtr& entry) {
  const FetchRequest request = entry->request;
  const bool urgent = entry->waiters > 0;
  entry->phase = FetchPhase::kStarting;
  starting_ = true;
  lock.unlock();
  FetchStart started;
  std::optional<Error> error = error_of_hook([&] { started = hooks_.start(request, urgent); });
  lock.lock();
  starting_ = false;
  if (entry->dropped) {
    changed_.notify_all();
    lock.unlock();
    started.file.reset();
    lock.lock();
  } else if (error) {
    ++counters_.failed;
    finish(lock, entry, std::move(error));
  } else {
    apply(lock, entry, started);
  }
}

void FetchQueue::apply(Lock& lock, const EntryPtr& entry, const FetchStart& started) {
  const TimePoint now = options_.clock.now();
  entry->phase = FetchPhase::kQueued;
  entry->holds_up = started.step == FetchStep::kNoRoom;
  switch (started.step) {
    case FetchStep::kReady:
      finish(lock, entry, std::nullopt);
      return;
    case FetchStep::kCheck:
      check(lock, entry);
      return;
    case FetchStep::kElsewhere:
      entry->waits_for = "another process that fetches it";
      entry->not_before = now + kAskAgain;
      break;
    case FetchStep::kNoRoom:
      entry->waits_for = "room in the cache";
      entry->not_before = now + kAskAgain;
      break;
    case FetchStep::kGranted:
      ++counters_.requests;
      entry->not_before = now;
      if (entry->request.made) {
        entry->request.bytes = std::min(entry->request.bytes, started.file->bytes());
      }
      entry->begin(started.file, options_.range_bytes);
      break;
  }
  changed_.notify_all();
}

void FetchQueue::check(Lock& lock, const EntryPtr& entry) {
  entry->phase = FetchPhase::kChecking;
  changed_.notify_all();  // others may start meanwhile
  const FetchRequest request = entry->request;
  lock.unlock();
  bool right = false;
  std::optional<Error> error = error_of_hook([&] { right = hooks_.check(request); });
  lock.lock();
  if (entry->dropped) {
    return;
  }
  if (error || right) {
    counters_.failed += error ? 1 : 0;
    finish(lock, entry, std::move(error));
  } else {
    entry->phase = FetchPhase::kQueued;
    changed_.notify_all();
  }
}

// Ends requests that are over their time, whatever their jobs are doing.
void FetchQueue::expire(Lock& lock) {
  const TimePoint now = options_.clock.now();
  std::vector<EntryPtr> late;
  for (const auto& [order, entry] : order_) {
    if (entry->phase == FetchPhase::kFetching && entry->is_late(now)) {
      late.push_back(entry);
    }
  }
  for (const EntryPtr& entry : late) {
    ++counters_.failed;
    const Error silent(ErrorCode::kIo, "its bytes did not come in time");
    finish(lock, entry, final_error(*entry, entry->last_error.value_or(silent), true));
  }
}

void FetchQueue::end(Lock& lock, const EntryPtr& entry) {
  const uint64_t id = entry->request.id;
  order_.erase({entry->request.next_use, id});
  lock.ended.insert(entries_.extract(id));
  entry->dropped = true;
}

void FetchQueue::finish(Lock& lock, const EntryPtr& entry, std::optional<Error> error) {
  const uint64_t id = entry->request.id;
  end(lock, entry);
  if (error) {
    failures_.insert_or_assign(id, Failure{*std::move(error), counters_.failed});
  } else {
    failures_.erase(id);
  }
  changed_.notify_all();
}

void FetchQueue::retry(Lock& lock, const EntryPtr& entry, const Error& error,
                       const FetchFailure& how) {
  const TimePoint now = options_.clock.now();
  ++entry->failures;
  entry->wrong += bytes_are_wrong(error) ? 1 : 0;
  entry->last_error = error;
  const auto delay = std::max<std::chrono::nanoseconds>(
      retry_delay(options_.retry, entry->failures, options_.clock.random()), how.retry_after);
  const bool late = entry->is_late(now + delay);
  if (!how.retryable || late || entry->wrong >= options_.retry.max_wrong) {
    ++counters_.failed;
    finish(lock, entry, final_error(*entry, error, how.retryable && late));
    return;
  }
  ++counters_.retries;
  entry->not_before = now + delay;
  changed_.notify_all();
}

Error FetchQueue::final_error(const FetchEntry& entry, const Error& cause, bool late) const {
  const auto taken = options_.clock.now() - entry.begun;
  const bool made = entry.request.made;
  std::string text = (made ? "shard " : "") + entry.request.name + " of " +
                     without_url_secrets(options_.origin) + " cannot be " +
                     (made ? "made: " : "fetched: ") + cause.what();
  if (entry.failures > (made ? 1U : 0U)) {
    const bool once = entry.failures == 1;
    text += " (tried " + (once ? "once" : std::to_string(entry.failures) + " times") + " in " +
            seconds_text(taken) + ")";
  }
  if (late) {
    text +=
        "; no time is left. Training can be resumed from its last state when the store answers "
        "again";
  }
  return Error(cause.code(), text, {.file = entry.request.name, .column = ""});
}

void FetchQueue::check_wanted(const FetchJob& job) const {
  if (closed_ || job.entry_->dropped || job.entry_->round != job.round_) {
    throw Error(ErrorCode::kCancelled,
                job.request_.name + ": nobody waits for these bytes any more; take the next job");
  }
}

std::shared_ptr<const PartFile> FetchQueue::begin_write(const FetchJob& job) {
  const std::lock_guard lock(mutex_);
  check_wanted(job);
  ++job.entry_->writers;
  return job.entry_->file;
}

void FetchQueue::end_write(const FetchJob& job, uint64_t bytes) noexcept {
  const std::lock_guard lock(mutex_);
  counters_.bytes += bytes;
  if (--job.entry_->writers == 0) {
    changed_.notify_all();
  }
}

void FetchQueue::range_done(const FetchJob& job, const std::string& version) {
  Lock lock(*this);
  check_wanted(job);
  const EntryPtr entry = job.entry_;
  if (job.request_.made) {
    entry->set_bytes(job.position_);  // what is admitted
  }
  if (!entry->complete(job.number_, version)) {
    entry->start_over();
    retry(lock, entry, Error(ErrorCode::kCorrupt, "the object was changed while it was fetched"),
          {});
  } else if (entry->is_complete()) {
    admit(lock, entry);
  }
}

void FetchQueue::range_outgrown(const FetchJob& job, uint64_t bytes) {
  std::shared_ptr<const PartFile> gone;
  const std::lock_guard lock(mutex_);
  check_wanted(job);
  gone = job.entry_->ask_for(bytes);
  changed_.notify_all();
}

void FetchQueue::range_failed(const FetchJob& job, const Error& error, const FetchFailure& how) {
  Lock lock(*this);
  if (closed_ || job.entry_->dropped || job.entry_->round != job.round_) {
    return;
  }
  job.entry_->give_back(job.number_);
  retry(lock, job.entry_, error, how);
}

void FetchQueue::admit(Lock& lock, const EntryPtr& entry) {
  entry->phase = FetchPhase::kAdmitting;
  // A job of an earlier round may still be in the middle of a write.
  changed_.wait(lock.to_wait(), [&] { return entry->writers == 0; });
  const FetchRequest request = entry->request;
  lock.unlock();
  std::optional<Error> error = error_of_hook([&] { hooks_.admit(request); });
  lock.lock();
  if (entry->dropped) {
    return;
  }
  if (!error) {
    ++counters_.completed;
    finish(lock, entry, std::nullopt);
    return;
  }
  entry->start_over();
  retry(lock, entry, *error, {.code = error->code(), .retryable = bytes_are_wrong(*error)});
}

}  // namespace headrace
