#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "dataset/dataset.h"
#include "engine/batch_maker.h"
#include "engine/batch_ring.h"
#include "engine/part_pools.h"
#include "engine/prefetch.h"
#include "engine/shard_look_ahead.h"

namespace headrace {

// What a loader has done so far, over all its passes.
struct LoaderStats {
  uint64_t passes = 0;
  uint64_t batches = 0;  // handed out
  uint64_t rows = 0;
  uint64_t bytes = 0;
  uint64_t padding = 0;              // rows repeated in tails
  double consumer_wait_s = 0;        // next() waiting for a batch
  double worker_wait_s = 0;          // workers waiting for room, summed over the threads
  uint64_t queue_depth = 0;          // batches ready now
  Regime regime = Regime::kUnknown;  // of the last look
  uint64_t regime_changes = 0;
  uint64_t hinted_bytes = 0;      // asked for before they were due
  uint64_t read_ahead_bytes = 0;  // read from end to end of the files
  // Times that shards of stores could not be wanted before they were due.
  uint64_t shard_ahead_failures = 0;
};

// One pass over the positions of an epoch: plan, workers and ring. A consumer that finds no batch
// ready makes one itself where batches are so small that waking threads costs as much; else it
// sleeps. Threads start at the first next() and end with close(), at the end, at an error, or with
// the object. A process that was forked from the one that started it may only drop it.
class Pass {
 public:
  // The memory of a column's batches comes from pools[c].
  Pass(DatasetPtr dataset, const LoaderOptions& options, uint64_t epoch, uint64_t position,
       SlotPools pools);
  ~Pass();
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;

  enum class Next : uint8_t { kBatch, kWait, kEnd };

  // The next batch, waiting at most `timeout` for it. At the end, again and again, kEnd. An error
  // of a batch is thrown in its place and ends the pass. Throws kCancelled after close() and in a
  // forked child.
  Next next(Batch& batch, std::chrono::milliseconds timeout);

  // A batch whose rows are to be named: its number in this pass, and which one of the list it is.
  struct Wanted {
    uint64_t number = 0;
    uint64_t item = 0;
  };

  // Starts the threads before the first next(), and lets them make the first `room` batches; a
  // later call may say more. The first next() ends the limit. Of listed batches those are made that
  // were named. Throws what next() throws. Not while another thread is in next().
  void prepare(uint64_t room);

  // For listed batches: the one to be named next; nothing if all are, or as many as are made ahead.
  // Throws what next() throws. Called, as name(), by one thread at a time.
  std::optional<Wanted> wanted();

  // Names the rows of the batch that was wanted. Throws kIndex for a row that is none; nothing has
  // changed then.
  void name(RowList list);

  // Stops and joins the threads; `why` is what a later next() throws. Safe to call again, and from
  // any thread.
  void close(const std::string& why);

  uint64_t epoch() const noexcept { return epoch_; }

  // Which rows each batch of this pass holds.
  std::shared_ptr<const BatchOrder> order() const noexcept { return maker_.order(); }

  // How many batches were handed out, and the position up to which they go.
  uint64_t handed_out() const noexcept { return handed_out_.load(); }
  uint64_t position() const noexcept;

  // Whether the epoch is over for all ranks: every batch was handed out, or next() has said so.
  bool done() const noexcept { return done_.load(); }

  // Whether next() was ever called.
  bool asked() const noexcept { return asked_.load(std::memory_order_relaxed); }

  // Whether next() may still give a batch.
  bool live() const noexcept { return !done_.load() && !closed_.load(); }

  LoaderStats stats() const;

 private:
  static constexpr uint64_t kNoLimit = UINT64_MAX;

  struct Paused {};  // thrown by a consumer's poll to end a batch for now
  struct Engine;     // ring and threads; abandoned, not destroyed, in a forked child

  void check_process() const;
  Engine& running();
  std::unique_ptr<Engine> start_engine();
  void work(Engine& engine) noexcept;
  std::optional<uint64_t> claim(Engine& engine, std::unique_ptr<BatchMaker::Workspace>& space);
  bool make(uint64_t number, std::unique_ptr<BatchMaker::Workspace>& space, Engine& engine,
            const Poll& poll) noexcept;
  std::optional<BatchMaker::Cold> cold(const Engine& engine, const Poll& poll) const;
  bool help(Engine& engine) noexcept;
  bool help_unless_waiting(uint64_t number, Engine& engine) noexcept;
  void end_limit(BatchRing& ring);
  void stop(const std::string& why);
  void hand_out(const Batch& batch);

  DatasetPtr dataset_;
  uint64_t epoch_;
  uint64_t num_threads_;
  uint64_t prefetch_;
  Prefetch::Setting prefetch_setting_;
  ShardLookAhead::Setting look_ahead_setting_;
  BatchMaker maker_;
  pid_t pid_;

  std::atomic<uint64_t> handed_out_{0};
  std::atomic<uint64_t> rows_{0};
  std::atomic<uint64_t> bytes_{0};
  std::atomic<uint64_t> padding_{0};
  std::atomic<bool> asked_{false};
  std::atomic<bool> done_{false};
  std::atomic<bool> closed_{false};
  uint64_t room_ = kNoLimit;         // batches that may be made before the first next()
  std::atomic<int64_t> make_ns_{0};  // how long a batch takes, smoothed; 0 before the first
  mutable std::mutex mutex_;         // over engine_ and why_
  std::string why_;
  std::unique_ptr<Engine> engine_;
  std::mutex join_mutex_;  // held while the threads are joined
  std::mutex next_mutex_;  // one consumer at a time; over helper_space_ and paused_
  std::unique_ptr<BatchMaker::Workspace> helper_space_;
  std::optional<uint64_t> paused_;  // the batch that the consumer has begun to make
  bool listed_;
  uint64_t named_ = 0;  // listed batches whose rows are known
  Order::Workspace naming_space_;
};

}  // namespace headrace
