#include "engine/pass.h"

#include <algorithm>
#include <ctime>
#include <optional>
#include <pthread.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

#include "base/error.h"
#include "engine/signals_blocked.h"

namespace headrace {
namespace {

using Clock = std::chrono::steady_clock;

// A consumer that waits leaves a processor idle. While it makes a batch it cannot be interrupted,
// so that longer batches are left to the workers.
constexpr std::chrono::nanoseconds kHelpBelow = std::chrono::milliseconds(20);

constexpr uint64_t kAllRows = UINT64_MAX;  // none are asked for: they are there, or waited for

constexpr uint64_t kHelpAhead = 2;  // batches beyond one for each worker

// A worker that has nothing to do lets go of shards so often: of those that are not needed any
// more, and after so many times of all, since others may wait for their room.
constexpr std::chrono::milliseconds kIdlePause{20};
constexpr int kIdlePauses = 5;

// Finds out whether a thread does something or waits.
class Asleep {
 public:
  // Whether most of the time since the last look, and more than a moment, was spent waiting.
  bool look() {
    const Clock::time_point now = Clock::now();
    const std::chrono::nanoseconds worked = thread_time();
    const std::chrono::nanoseconds passed = now - last_;
    const bool slept = passed > kHelpBelow && (worked - worked_) * 2 < passed;
    last_ = now;
    worked_ = worked;
    return slept;
  }

 private:
  static std::chrono::nanoseconds thread_time() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  }

  Clock::time_point last_ = Clock::now();
  std::chrono::nanoseconds worked_ = thread_time();
};

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

struct Pass::Engine {
  Engine(uint64_t capacity, uint64_t batches, uint64_t allowed)
      : ring(capacity, batches, allowed) {}
  ~Engine() { stop(); }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  void stop() {
    ring.close();
    if (prefetch != nullptr) {
      prefetch->stop();
    }
    if (look_ahead != nullptr) {
      look_ahead->stop();
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    threads.clear();
  }

  BatchRing ring;
  std::unique_ptr<Prefetch> prefetch;          // null where nothing is in files
  std::unique_ptr<ShardLookAhead> look_ahead;  // null where nothing is in stores
  std::vector<std::thread> threads;
};

Pass::Pass(DatasetPtr dataset, const LoaderOptions& options, uint64_t epoch, uint64_t position,
           SlotPools pools)
    : dataset_(dataset),
      epoch_(epoch),
      num_threads_(options.num_threads),
      prefetch_(options.prefetch),
      prefetch_setting_{.makers = options.num_threads + 1,
                        .sharers = options.sharers(),
                        .start = static_cast<double>(options.split.rank) /
                                 static_cast<double>(options.split.world_size)},
      look_ahead_setting_{.options = options, .epoch = epoch, .makers = options.num_threads + 1},
      maker_(std::move(dataset), options, epoch, position, std::move(pools)),
      pid_(getpid()),
      listed_(options.listed > 0) {}

Pass::~Pass() {
  if (pid_ != getpid()) {
    // The threads stayed in the parent, perhaps holding the ring's lock.
    static_cast<void>(engine_.release());
  }
}

// The engine, started if this is the first use.
Pass::Engine& Pass::running() {
  const std::lock_guard lock(mutex_);
  if (closed_.load()) {
    throw Error(ErrorCode::kCancelled, why_);
  }
  if (engine_ == nullptr) {
    engine_ = start_engine();
  }
  return *engine_;
}

// An engine with at least one thread, or an error and nothing left behind.
std::unique_ptr<Pass::Engine> Pass::start_engine() {
  const uint64_t batches = maker_.plan().batches();
  auto engine = std::make_unique<Engine>(prefetch_, batches, listed_ ? 0 : room_);
  if (dataset_->in_files() && batches > 0) {
    engine->prefetch =
        std::make_unique<Prefetch>(dataset_, maker_, engine->ring, prefetch_setting_);
  }
  if (dataset_->is_transient()) {
    engine->look_ahead =
        std::make_unique<ShardLookAhead>(dataset_, maker_, engine->ring, look_ahead_setting_);
    engine->look_ahead->begin();
  }
  const SignalsBlocked blocked;
  const auto start_thread = [&engine](const char* name, auto body) {
    engine->threads.emplace_back(std::move(body));
    pthread_setname_np(engine->threads.back().native_handle(), name);
  };
  for (uint64_t i = 0; i < std::min(num_threads_, batches); ++i) {
    try {
      start_thread("headrace", [this, &engine = *engine] { work(engine); });
    } catch (const std::system_error& error) {
      if (i == 0) {
        throw Error(ErrorCode::kIo, std::string("no thread could be started: ") + error.what());
      }
      break;  // fewer threads than asked for give the same batches
    }
  }
  if (engine->prefetch != nullptr) {
    try {
      start_thread("headrace-hints", [&prefetch = *engine->prefetch] { prefetch.run_hints(); });
      start_thread("headrace-ahead",
                   [&prefetch = *engine->prefetch] { prefetch.run_read_ahead(); });
    } catch (const std::system_error&) {
      engine->prefetch->without_hints();  // reading is slower then, and right
    }
  }
  if (engine->look_ahead != nullptr) {
    try {
      start_thread("headrace-shards", [&look_ahead = *engine->look_ahead] { look_ahead.run(); });
    } catch (const std::system_error&) {
      engine->look_ahead->give_up();  // workers send for what they need
    }
  }
  return engine;
}

void Pass::work(Engine& engine) noexcept {
  std::unique_ptr<BatchMaker::Workspace> space;
  while (true) {
    const std::optional<uint64_t> number = claim(engine, space);
    if (!number) {
      return;
    }
    make(*number, space, engine, nullptr);
  }
}

// Of a worker, which lets go of shards while it waits.
std::optional<uint64_t> Pass::claim(Engine& engine, std::unique_ptr<BatchMaker::Workspace>& space) {
  if (engine.look_ahead == nullptr) {
    return engine.ring.claim();
  }
  int pauses = 0;
  return engine.ring.claim(kIdlePause, [&] {
    if (space != nullptr && ++pauses < kIdlePauses) {
      space->reader.drop_retired();
    } else if (space != nullptr && pauses == kIdlePauses) {
      space->reader.drop_held();
    }
  });
}

// How batches are read now; nothing if all is in memory.
std::optional<BatchMaker::Cold> Pass::cold(const Engine& engine, const Poll& poll) const {
  const Prefetch* prefetch = engine.prefetch.get();
  const ShardLookAhead* look_ahead = engine.look_ahead.get();
  const bool in_files = prefetch != nullptr && prefetch->cold();
  if (look_ahead != nullptr) {
    return BatchMaker::Cold{in_files ? prefetch->asked_rows() : kAllRows, [look_ahead, &poll] {
                              look_ahead->check_running();
                              if (poll) {
                                poll();
                              }
                            }};
  }
  if (in_files) {
    return BatchMaker::Cold{prefetch->asked_rows(), [prefetch] { prefetch->check_running(); }};
  }
  return std::nullopt;
}

// Makes a claimed batch, or what stands in its place, and hands it to the ring. False if `poll`,
// which may be empty, has put it off.
bool Pass::make(uint64_t number, std::unique_ptr<BatchMaker::Workspace>& space, Engine& engine,
                const Poll& poll) noexcept {
  const Clock::time_point start = Clock::now();
  Batch batch;
  try {
    if (space == nullptr) {
      space = std::make_unique<BatchMaker::Workspace>(dataset_);
    }
    maker_.make(number, *space, batch, cold(engine, poll));
  } catch (const Paused&) {
    return false;
  } catch (...) {
    batch.number = number;
    batch.error = std::current_exception();
  }
  engine.ring.publish(std::move(batch));
  const int64_t took = std::chrono::nanoseconds(Clock::now() - start).count();
  const int64_t before = make_ns_.load(std::memory_order_relaxed);
  make_ns_.store(before == 0 ? took : before + (took - before) / 8, std::memory_order_relaxed);
  return true;
}

// Makes the next unclaimed batch in the consumer's own thread, if that does not take long. False if
// it should rather wait.
bool Pass::help(Engine& engine) noexcept {
  const int64_t expected = make_ns_.load(std::memory_order_relaxed);
  if (!paused_ && (expected == 0 || expected > kHelpBelow.count())) {
    return false;
  }
  // Not far ahead: the worker that holds the awaited batch may be waiting for this very processor.
  const std::optional<uint64_t> number =
      paused_ ? paused_ : engine.ring.try_claim(num_threads_ + kHelpAhead);
  if (!number) {
    return false;
  }
  const Clock::time_point start = Clock::now();
  bool made = true;
  if (engine.look_ahead == nullptr) {
    make(*number, helper_space_, engine, nullptr);
  } else {
    made = help_unless_waiting(*number, engine);
  }
  engine.ring.add_consumer_wait(Clock::now() - start);
  return made;
}

// Makes a batch whose shards are here; otherwise puts it off, since the consumer must hear of
// Ctrl-C.
bool Pass::help_unless_waiting(uint64_t number, Engine& engine) noexcept {
  const bool made = make(number, helper_space_, engine, [asleep = Asleep()]() mutable {
    if (asleep.look()) {
      throw Paused();
    }
  });
  paused_ = made ? std::nullopt : std::optional(number);
  if (helper_space_ != nullptr) {
    helper_space_->reader.drop_held();  // nobody knows when the consumer comes back
  }
  return made;
}

void Pass::check_process() const {
  if (pid_ != getpid()) {
    throw Error(ErrorCode::kCancelled,
                "this iterator was started before the process forked; iterate the loader again");
  }
}

void Pass::prepare(uint64_t room) {
  check_process();
  const std::lock_guard one_consumer(next_mutex_);
  // Shards of a store are sent for by one pass at a time: rows that come later must not hold those
  // up that the last pass still needs.
  if (asked() || done_.load() || dataset_->is_transient()) {
    return;
  }
  room_ = room;
  BatchRing& ring = running().ring;
  if (!listed_) {
    ring.allow(room);
  }
}

// Lets all batches be made, for next().
void Pass::end_limit(BatchRing& ring) {
  if (room_ != kNoLimit) {
    room_ = kNoLimit;
    if (!listed_) {
      ring.allow(kNoLimit);
    }
  }
}

std::optional<Pass::Wanted> Pass::wanted() {
  check_process();
  if (!listed_ || done_.load() || named_ == running().ring.reach()) {
    return std::nullopt;
  }
  std::vector<uint64_t> item;
  order()->items_of(named_, naming_space_, item);
  return Wanted{named_, item.front()};
}

void Pass::name(RowList list) {
  for (const uint64_t row : list.rows) {
    if (row >= dataset_->rows()) {
      throw Error(ErrorCode::kIndex,
                  "row " + std::to_string(row) + " is out of range for " +
                      std::to_string(dataset_->rows()) + " rows",
                  {.file = "", .column = "", .row = row});
    }
  }
  Engine& engine = running();
  if (engine.look_ahead != nullptr) {
    engine.look_ahead->name(named_, list.rows);
  }
  maker_.name(named_, std::move(list));
  engine.ring.allow(++named_);
}

Pass::Next Pass::next(Batch& batch, std::chrono::milliseconds timeout) {
  check_process();
  asked_.store(true, std::memory_order_relaxed);
  const std::lock_guard one_consumer(next_mutex_);
  if (done_.load()) {
    return Next::kEnd;
  }
  Engine& engine = running();
  BatchRing& ring = engine.ring;
  end_limit(ring);
  BatchRing::Taken taken = ring.take(batch, std::chrono::milliseconds(0));
  while (taken == BatchRing::Taken::kTimeout && help(engine)) {
    taken = ring.take(batch, std::chrono::milliseconds(0));
  }
  if (taken == BatchRing::Taken::kTimeout) {
    // Where the consumer makes a batch itself, that was its waiting.
    taken = ring.take(batch, paused_ ? std::chrono::milliseconds(0) : timeout);
  }
  switch (taken) {
    case BatchRing::Taken::kTimeout:
      return Next::kWait;
    case BatchRing::Taken::kBatch:
      hand_out(batch);
      return Next::kBatch;
    case BatchRing::Taken::kEnd:
      done_ = true;
      stop("");
      return Next::kEnd;
    case BatchRing::Taken::kClosed:
      break;
  }
  if (done_.load()) {
    return Next::kEnd;  // another thread took the last batch
  }
  const std::lock_guard lock(mutex_);
  throw Error(ErrorCode::kCancelled, why_);
}

// Counts a batch as handed out, or throws its error.
void Pass::hand_out(const Batch& batch) {
  const Plan& plan = maker_.plan();
  const bool last = batch.number + 1 == plan.batches();
  try {
    if (batch.error != nullptr) {
      std::rethrow_exception(batch.error);
    }
    if (last && dataset_->in_files()) {
      dataset_->check_files();
    }
  } catch (...) {
    close("the pass ended with an error; iterate the loader again");
    throw;
  }
  handed_out_ = batch.number + 1;
  rows_ += batch.rows;
  bytes_ += batch.bytes();
  padding_ += batch.repeated;
  if (last && plan.complete()) {
    done_ = true;
    stop("");
  }
}

void Pass::close(const std::string& why) {
  if (pid_ != getpid()) {
    closed_ = true;
    return;
  }
  if (!done_.load()) {
    stop(why);
  }
}

// Ends the threads; their counts stay readable. From now on next() throws `why`, unless the pass is
// done.
void Pass::stop(const std::string& why) {
  Engine* engine = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (!closed_.exchange(true)) {
      why_ = why;
    }
    engine = engine_.get();  // set once, before closed_, and kept until the destructor
  }
  if (engine != nullptr) {
    const std::lock_guard joining(join_mutex_);
    engine->stop();
  }
}

uint64_t Pass::position() const noexcept {
  return maker_.plan().position_after(handed_out_.load());
}

LoaderStats Pass::stats() const {
  LoaderStats stats;
  stats.passes = 1;
  stats.regime = !dataset_->in_files() ? Regime::kArrays : Regime::kUnknown;
  stats.batches = handed_out_.load();
  stats.rows = rows_.load();
  stats.padding = padding_.load();
  stats.bytes = bytes_.load();
  if (pid_ == getpid()) {
    const std::lock_guard lock(mutex_);
    if (engine_ != nullptr) {
      if (engine_->look_ahead != nullptr) {
        stats.shard_ahead_failures = engine_->look_ahead->failures();
      }
      stats.queue_depth = closed_.load() ? 0 : engine_->ring.depth();
      stats.consumer_wait_s = seconds(engine_->ring.consumer_wait());
      stats.worker_wait_s = seconds(engine_->ring.worker_wait());
      if (const Prefetch* prefetch = engine_->prefetch.get()) {
        stats.regime = prefetch->regime();
        stats.regime_changes = prefetch->regime_changes();
        stats.hinted_bytes = prefetch->hinted_bytes();
        stats.read_ahead_bytes = prefetch->read_ahead_bytes();
      }
    }
  }
  return stats;
}

}  // namespace headrace
