#include "engine/loader.h"

#include <algorithm>
#include <sched.h>
#include <string>
#include <utility>

#include "base/checked.h"
#include "base/error.h"
#include "dataset/memory_limit.h"
#include "dataset/source_runs.h"

namespace headrace {
namespace {

constexpr uint64_t kMaxDefaultThreads =
    8;  // a gather is bound by memory; more threads only take cores away
// With the batch that is being made, and the one or two that the consumer holds, so much stays in a
// last-level cache of 32 MiB, where the consumer finds it. Dense batches of 4 MiB that it sums came
// 1.6 times as fast as with 64 MiB of them; smaller ones are bounded by kMaxPrefetch anyway.
constexpr uint64_t kPrefetchBytes = uint64_t{16} << 20;
constexpr uint64_t kThreadsBytes = uint64_t{1} << 30;
constexpr uint64_t kMinPrefetch = 2;
constexpr uint64_t kMaxPrefetch = 32;
constexpr uint64_t kListedPrefetch = 8;
constexpr uint64_t kMaxBatchRows = uint64_t{1} << 31;

uint64_t usable_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) {
    return 1;  // more than 1,024 processors: the caller's cap matters more than the count
  }
  return static_cast<uint64_t>(std::max(1, CPU_COUNT(&set)));
}

void check_at_least_one(uint64_t value, const char* name) {
  if (value == 0) {
    throw Error(ErrorCode::kInvalid, std::string(name) + " must be at least 1; found 0");
  }
}

// What positions count.
uint64_t items(const Dataset& dataset, const LoaderOptions& options) {
  return options.listed > 0 ? options.listed : dataset.rows();
}

// Of each column; 0 where rows have any size.
std::vector<uint64_t> row_bytes(const Dataset& dataset) {
  std::vector<uint64_t> bytes;
  for (const DatasetColumn& column : dataset.columns()) {
    bytes.push_back(column.field.is_tensor() ? column.field.row_bytes() : 0);
  }
  return bytes;
}

// Bytes of a batch of `rows` rows; of columns whose rows have any size, what an average row takes.
uint64_t batch_bytes(const Dataset& dataset, uint64_t rows) {
  uint64_t sum = 0;
  uint64_t all_rows = dataset.bytes();
  for (const uint64_t bytes_of_row : row_bytes(dataset)) {
    const uint64_t bytes = checked_mul(rows, bytes_of_row, "bytes of a batch");
    sum = checked_add(sum, bytes, "bytes of a batch");
    all_rows -= dataset.rows() * bytes_of_row;
  }
  const uint64_t of_any_size = mul_div(all_rows, rows, dataset.rows());
  return std::max<uint64_t>(1, checked_add(sum, of_any_size, "bytes of a batch"));
}

// Throws kInvalid where dense rows of all batches that there are at a time, `batches` of them with
// `rows` rows each, need more memory than there is: the first such batch would be too late to say.
void check_dense_columns(const Dataset& dataset, uint64_t rows, uint64_t batches) {
  uint64_t bytes = 0;
  std::string names;
  for (const DatasetColumn& column : dataset.columns()) {
    if (column.field.is_tensor() && column.layout != nullptr) {
      const uint64_t of_batch = saturating_mul(rows, column.field.row_bytes());
      bytes = saturating_add(bytes, saturating_mul(batches, of_batch));
      names += (names.empty() ? "column " : ", ") + column.field.name;
    }
  }
  check_memory(bytes, names + ": " + std::to_string(batches) + " batches of " +
                          std::to_string(rows) + " dense rows (the prefetch, and two in use)");
}

// How many batches are made ahead where the user does not say.
uint64_t default_prefetch(const LoaderOptions& options, uint64_t batch_bytes) {
  // Every thread has a batch to make, unless that alone takes much memory.
  const uint64_t threads = std::min(options.num_threads, kThreadsBytes / batch_bytes);
  const uint64_t least = std::max(kMinPrefetch, threads);
  // Nobody knows how large listed batches will be.
  const uint64_t wanted = options.listed > 0 ? kListedPrefetch : kPrefetchBytes / batch_bytes;
  return std::clamp(wanted, least, std::max(least, kMaxPrefetch));
}

void check_position(uint64_t position, uint64_t items) {
  if (position > items) {
    throw Error(ErrorCode::kInvalid, "position " + std::to_string(position) + " is beyond the " +
                                         std::to_string(items) + " rows of an epoch");
  }
}

}  // namespace

Loader::Loader(DatasetPtr dataset, const LoaderOptions& options)
    : dataset_(std::move(dataset)), options_(options), sized_pools_({}, 0) {
  Plan::Split& split = options_.split;
  check_at_least_one(split.batch_size, "batch_size");
  check_at_least_one(split.world_size, "world_size");
  if (split.rank >= split.world_size) {
    throw Error(ErrorCode::kInvalid, "rank " + std::to_string(split.rank) +
                                         " is out of range for world_size " +
                                         std::to_string(split.world_size) + "; ranks start at 0");
  }
  if (split.batch_size >= kMaxBatchRows || split.world_size >= kMaxBatchRows) {
    throw Error(ErrorCode::kInvalid, "batch_size and world_size must be below 2^31; found " +
                                         std::to_string(split.batch_size) + " and " +
                                         std::to_string(split.world_size));
  }
  // Validates the shuffle now, not at the first batch.
  check_shuffle(items(*dataset_, options_), options_.shuffle);
  if (options_.num_threads == 0) {
    // One is left to the consumer, which makes small batches itself when it would have to wait.
    const uint64_t others = std::max<uint64_t>(1, usable_processors() - 1);
    options_.num_threads = std::min(others, kMaxDefaultThreads);
  }
  const uint64_t batch_rows = std::min(split.batch_size, dataset_->rows());
  const uint64_t bytes = batch_bytes(*dataset_, batch_rows);
  if (options_.prefetch == 0) {
    options_.prefetch = default_prefetch(options_, bytes);
  }
  if (options_.listed == 0) {
    check_dense_columns(*dataset_, batch_rows, options_.prefetch + 2);
  }
  const size_t kept = options_.prefetch + options_.num_threads + 2;
  sized_pools_ = SizedPools(row_bytes(*dataset_), kept);
  if (options_.listed == 0) {
    for (const uint64_t bytes_of_row : row_bytes(*dataset_)) {
      if (bytes_of_row == 0) {
        pools_.push_back({.parts = std::make_shared<PartPools>(kept)});
      } else {
        pools_.push_back({.rows = std::make_shared<SlotPool>(batch_rows * bytes_of_row, kept)});
      }
    }
  }
}

std::shared_ptr<Pass> Loader::start(uint64_t epoch, uint64_t position, uint64_t every) {
  replace_last(make_pass(epoch, position, every));
  next_.reset();
  return pass_;
}

std::shared_ptr<Pass> Loader::start_next(uint64_t epoch, uint64_t position) {
  next_ = make_pass(epoch, position, 1);
  return next_;
}

void Loader::advance() { replace_last(std::move(next_)); }

void Loader::use(DatasetPtr dataset) {
  if (dataset->schema() != dataset_->schema() || dataset->rows() != dataset_->rows()) {
    throw Error(ErrorCode::kInvalid, "a loader of " + std::to_string(dataset_->rows()) +
                                         " rows cannot go on with " +
                                         std::to_string(dataset->rows()) +
                                         " rows, or with other columns; make another loader");
  }
  if (options_.shuffle.kind == Shuffle::Kind::kShards) {
    options_.shuffle.units = shuffle_units(*dataset);
  }
  dataset_ = std::move(dataset);
}

std::shared_ptr<Pass> Loader::make_pass(uint64_t epoch, uint64_t position, uint64_t every) {
  check_position(position, items(*dataset_, options_));
  LoaderOptions options = options_;
  options.split.every = every;
  return std::make_shared<Pass>(dataset_, options, epoch, position, pools_);
}

void Loader::replace_last(std::shared_ptr<Pass> pass) {
  if (pass_ != nullptr) {
    add(finished_, pass_->stats());
  }
  pass_ = std::move(pass);
}

void Loader::close(const std::string& why) {
  for (const std::shared_ptr<Pass>& pass : {next_, pass_}) {
    if (pass != nullptr) {
      pass->close(why);
    }
  }
}

std::optional<Batch> Loader::peek(uint64_t epoch, uint64_t position, const Poll& poll) const {
  check_position(position, items(*dataset_, options_));
  const BatchMaker maker(dataset_, options_, epoch, position, pools_);
  if (maker.plan().batches() == 0) {
    return std::nullopt;
  }
  BatchMaker::Workspace space(dataset_);
  Batch batch;
  maker.make(0, space, batch, BatchMaker::Cold{.poll = poll});
  space.reader.check_files();
  return batch;
}

Batch Loader::read(const RowList& list, const Poll& poll) const {
  BatchMaker::Workspace space(dataset_);
  Batch batch;
  BatchMaker::read(list.rows, list.pools, space, batch, BatchMaker::Cold{.poll = poll});
  space.reader.check_files();
  return batch;
}

std::shared_ptr<const BatchOrder> Loader::order(uint64_t epoch, uint64_t position) const {
  check_position(position, items(*dataset_, options_));
  return order_of(*dataset_, options_, epoch, position);
}

uint64_t Loader::batches(uint64_t position) const {
  check_position(position, items(*dataset_, options_));
  return Plan(items(*dataset_, options_), position, options_.split).batches();
}

LoaderStats Loader::stats() const {
  LoaderStats stats = finished_;
  if (!dataset_->in_files()) {
    stats.regime = Regime::kArrays;
  }
  if (pass_ != nullptr) {
    add(stats, pass_->stats());
  }
  return stats;
}

void Loader::add(LoaderStats& sum, const LoaderStats& more) {
  sum.passes += more.passes;
  sum.batches += more.batches;
  sum.rows += more.rows;
  sum.bytes += more.bytes;
  sum.padding += more.padding;
  sum.consumer_wait_s += more.consumer_wait_s;
  sum.worker_wait_s += more.worker_wait_s;
  sum.hinted_bytes += more.hinted_bytes;
  sum.read_ahead_bytes += more.read_ahead_bytes;
  sum.regime_changes += more.regime_changes;
  sum.shard_ahead_failures += more.shard_ahead_failures;
  // Of the last pass: those before it are closed.
  sum.queue_depth = more.queue_depth;
  sum.regime = more.regime;
}

}  // namespace headrace
