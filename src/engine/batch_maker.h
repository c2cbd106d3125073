#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "dataset/dataset.h"
#include "dataset/reader.h"
#include "engine/batch_order.h"
#include "engine/batch_ring.h"
#include "engine/part_pools.h"
#include "engine/row_lists.h"

namespace headrace {

struct LoaderOptions {
  Plan::Split split;
  Shuffle shuffle;
  uint64_t seed = 0;
  uint64_t local_ranks = 1;  // of the ranks, how many are on this machine; 0 = not known
  bool in_stages = false;    // each epoch has rows of its own: Loader::use()
  uint64_t num_threads = 0;  // 0 = the processors that this process may use but one, at most 8
  uint64_t listed = 0;       // batches whose rows the consumer names; 0 = the split makes batches
  uint64_t prefetch = 0;     // batches ahead; 0 = as many as fit 16 MiB, between 2 and 32

  // Processes that make the same pass on this machine, as far as that is known, with this one.
  uint64_t sharers() const noexcept { return split.every * std::max<uint64_t>(1, local_ranks); }
};

// Which items the batches of a pass hold: rows of the dataset, or listed batches.
std::shared_ptr<const BatchOrder> order_of(const Dataset& dataset, const LoaderOptions& options,
                                           uint64_t epoch, uint64_t position);

// How batch n of one pass comes about: plan, order, rows, slots. Immutable but for lists; shared by
// the workers of the pass.
class BatchMaker {
 public:
  // What one thread needs to make batches, kept from batch to batch.
  struct Workspace {
    explicit Workspace(DatasetPtr of) : dataset(std::move(of)), reader(dataset) {}

    DatasetPtr dataset;
    Reader reader;
    Order::Workspace order;
    std::vector<uint64_t> rows;
    std::vector<std::byte*> outs;  // of columns that are gathered; null for others
    std::vector<bool> built;       // columns that are not
  };

  // Listed batches have pools of their own, and take `pools` to be empty.
  // Requires: position <= the dataset's rows, or the number of listed batches.
  BatchMaker(DatasetPtr dataset, const LoaderOptions& options, uint64_t epoch, uint64_t position,
             SlotPools pools);

  const std::shared_ptr<const BatchOrder>& order() const noexcept { return order_; }
  const Plan& plan() const noexcept { return order_->plan(); }

  // Names the rows of listed batch `number`.
  void name(uint64_t number, RowList list) const { lists_->put(number, std::move(list)); }

  // Whether the user names the rows of each batch.
  bool listed() const noexcept { return lists_ != nullptr; }

  // The rows of batch `number`, in its order; false for a listed batch that was not named yet or is
  // being made. Requires: number < plan().batches().
  bool rows_of(uint64_t number, Order::Workspace& space, std::vector<uint64_t>& rows) const;

  // How rows are read that may have to be waited for.
  struct Cold {
    uint64_t asked = 0;  // rows at the front of the batch that were asked for already
    Poll poll = [] {};   // called between the steps of reading; throws to stop
  };

  // Fills `batch` with batch `number`. Throws what reading throws, and kCorrupt naming column and
  // row for text that is not UTF-8; it may be made again then. A listed batch must have been named,
  // and is made once.
  void make(uint64_t number, Workspace& space, Batch& batch,
            const std::optional<Cold>& cold = std::nullopt) const;

  // Fills the columns of `batch` with `rows` of the workspace's dataset, in memory of `pools`.
  static void read(std::span<const uint64_t> rows, const SlotPools& pools, Workspace& space,
                   Batch& batch, const std::optional<Cold>& cold = std::nullopt);

 private:
  static void gather(std::span<const uint64_t> rows, Workspace& space,
                     const std::optional<Cold>& cold);
  static void build(std::span<const uint64_t> rows, const SlotPools& pools, Workspace& space,
                    Batch& batch, const std::optional<Cold>& cold);

  DatasetPtr dataset_;
  std::shared_ptr<const BatchOrder> order_;
  SlotPools pools_;
  std::unique_ptr<RowLists> lists_;  // null if the split makes the batches
};

}  // namespace headrace
