#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataset/dataset.h"
#include "engine/batch_ring.h"
#include "engine/part_pools.h"
#include "engine/pass.h"

namespace headrace {

// Makes batches of a dataset in the order of a shuffle. Its methods are called by one thread at a
// time; batches may be released on any.
class Loader {
 public:
  // Throws kInvalid for sizes of zero or beyond 64 bits, and for dense rows of batches that need
  // more memory than there is. Starts nothing.
  Loader(DatasetPtr dataset, const LoaderOptions& options);

  const Dataset& dataset() const noexcept { return *dataset_; }
  const LoaderOptions& options() const noexcept {
    return options_;
  }  // with the chosen num_threads and prefetch

  // A pass over `epoch` from `position`, of every `every`-th batch. The caller closes the one
  // before it. Throws kInvalid for a position beyond the rows. Requires: 0 < every < 2^31.
  std::shared_ptr<Pass> start(uint64_t epoch, uint64_t position, uint64_t every = 1);

  // The pass that was started last, or null.
  std::shared_ptr<Pass> last_pass() const { return pass_; }

  // A pass for the time after the last one, to be prepared while that is read, in the place of one
  // that was made before, which the caller closes. Its batches count from advance() on. Throws as
  // start().
  std::shared_ptr<Pass> start_next(uint64_t epoch, uint64_t position);

  // What start_next() has made, or null after advance() and start().
  std::shared_ptr<Pass> next_pass() const { return next_; }

  // Makes the pass of start_next() the last one. Requires: next_pass() is not null.
  void advance();

  // Reads `dataset` from the next pass on; a shard shuffle then is one of its shards. Throws
  // kInvalid unless it has the same columns and as many rows as dataset(); as shuffle_units().
  void use(DatasetPtr dataset);

  // Closes the last pass, and the one after it, if they still live; `why` is what next() throws
  // from then on.
  void close(const std::string& why);

  // The batch that start(epoch, position) would give first; nothing at the end. Not for listed
  // batches. Calls `poll` as Reader::read_cold does.
  std::optional<Batch> peek(
      uint64_t epoch, uint64_t position, const Poll& poll = [] {}) const;

  // Which rows, or listed batches, the batches of start(epoch, position) hold.
  std::shared_ptr<const BatchOrder> order(uint64_t epoch, uint64_t position) const;

  // Memory for a listed batch of `rows` rows. Requires: rows > 0.
  SlotPools pools_of(uint64_t rows) { return sized_pools_.of(rows); }

  // A batch of these rows, outside every pass; its memory is of pools_of(rows). Calls `poll` as
  // Reader::read_cold does. Requires: rows of the dataset, at least one.
  Batch read(
      const RowList& list, const Poll& poll = [] {}) const;

  // Batches of this rank in a pass from `position`.
  uint64_t batches(uint64_t position) const;

  LoaderStats stats() const;

 private:
  std::shared_ptr<Pass> make_pass(uint64_t epoch, uint64_t position, uint64_t every);
  void replace_last(std::shared_ptr<Pass> pass);
  static void add(LoaderStats& sum, const LoaderStats& more);

  DatasetPtr dataset_;
  LoaderOptions options_;
  SlotPools pools_;             // of batches that the split makes
  SizedPools sized_pools_;      // of listed ones
  LoaderStats finished_;        // of the passes before pass_
  std::shared_ptr<Pass> pass_;  // the last one started
  std::shared_ptr<Pass> next_;  // the one after it
};

}  // namespace headrace
