#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <nanobind/nanobind.h>

#include "engine/batch_order.h"

namespace headrace::python {

// The batches of one pass as Python sees them: row numbers, without data.
class PyBatchOrder {
 public:
  explicit PyBatchOrder(std::shared_ptr<const BatchOrder> order) : order_(std::move(order)) {}

  const Plan& plan() const { return order_->plan(); }

  // Throws kIndex for a number beyond the batches.
  Plan::Batch batch(uint64_t number) const;

  // The items of a batch as an int64 array. Throws kIndex for a number beyond the batches.
  nanobind::object items(uint64_t number) const;

 private:
  void fill(uint64_t number, std::vector<uint64_t>& items) const;

  std::shared_ptr<const BatchOrder> order_;
  // A window shuffle goes on from the last batch at a fraction of the cost. Only ever tried: a
  // forked child may find it locked for good.
  mutable std::mutex space_mutex_;
  mutable Order::Workspace space_;
};

}  // namespace headrace::python
