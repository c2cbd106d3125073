#pragma once

#include <cstdint>
#include <vector>

#include "engine/plan.h"
#include "order/order.h"

namespace headrace {

// Which items the batches of one pass over an epoch hold, for one rank: the order of all items, cut
// by the plan. Items are the rows of a dataset, or batches that the user has named. Constant
// memory. Thread-safe: no state changes after construction.
class BatchOrder {
 public:
  // Throws what Order throws. Requires: position <= items, and what Plan requires.
  BatchOrder(uint64_t items, const Shuffle& shuffle, OrderKey key, uint64_t position,
             const Plan::Split& split);

  const Order& order() const noexcept { return order_; }
  const Plan& plan() const noexcept { return plan_; }

  // The items of batch `number`, in its order. Requires: number < plan().batches().
  void items_of(uint64_t number, Order::Workspace& space, std::vector<uint64_t>& items) const;

 private:
  Order order_;
  Plan plan_;
};

}  // namespace headrace
