#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dataset/dataset.h"
#include "dataset/reader.h"
#include "engine/batch_order.h"
#include "engine/batch_ring.h"
#include "engine/slot_pool.h"

namespace headrace {

struct LoaderOptions {
  Plan::Split split;
  Shuffle shuffle;
  uint64_t seed = 0;
  uint64_t num_threads = 0;  // 0 = the processors that this process may use but one, at most 8
  uint64_t prefetch = 0;     // batches ahead; 0 = as many as fit 64 MiB, between 2 and 32
};

// The pools of one loader, one per column.
using SlotPools = std::vector<std::shared_ptr<SlotPool>>;

// How batch n of one pass comes about: plan, order, rows, slots. Immutable; shared by the workers
// of the pass.
class BatchMaker {
 public:
  // What one thread needs to make batches, kept from batch to batch.
  struct Workspace {
    explicit Workspace(DatasetPtr dataset) : reader(std::move(dataset)) {}

    Reader reader;
    Order::Workspace order;
    std::vector<uint64_t> rows;
    std::vector<std::byte*> outs;
  };

  // Requires: position <= dataset->rows().
  BatchMaker(DatasetPtr dataset, const LoaderOptions& options, uint64_t epoch, uint64_t position,
             SlotPools pools);

  const std::shared_ptr<const BatchOrder>& order() const noexcept { return order_; }
  const Plan& plan() const noexcept { return order_->plan(); }

  // Fills `batch` with batch `number`. Throws what reading throws.
  void make(uint64_t number, Workspace& space, Batch& batch) const;

 private:
  DatasetPtr dataset_;
  std::shared_ptr<const BatchOrder> order_;
  SlotPools pools_;
};

}  // namespace headrace
