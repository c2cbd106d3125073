#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "dataset/dataset.h"
#include "dataset/reader.h"
#include "engine/batch_ring.h"
#include "engine/plan.h"
#include "engine/slot_pool.h"
#include "order/order.h"

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

  const Plan& plan() const noexcept { return plan_; }
  const Order& order() const noexcept { return order_; }

  // The rows of batch `number`, in its order. Requires: number < plan().batches().
  void rows_of(uint64_t number, Order::Workspace& space, std::vector<uint64_t>& rows) const;

  // How rows are read that may have to be waited for.
  struct Cold {
    uint64_t asked = 0;  // rows at the front of the batch that were asked for already
    const std::atomic<bool>* cancelled = nullptr;
  };

  // Fills `batch` with batch `number`. Throws what reading throws.
  void make(uint64_t number, Workspace& space, Batch& batch,
            const std::optional<Cold>& cold = std::nullopt) const;

 private:
  DatasetPtr dataset_;
  Order order_;
  Plan plan_;
  SlotPools pools_;
};

}  // namespace headrace
