#include "engine/batch_order.h"

namespace headrace {

BatchOrder::BatchOrder(uint64_t items, const Shuffle& shuffle, OrderKey key, uint64_t position,
                       const Plan::Split& split)
    : order_(items, shuffle, key), plan_(items, position, split) {}

void BatchOrder::items_of(uint64_t number, Order::Workspace& space,
                          std::vector<uint64_t>& items) const {
  const Plan::Batch plan = plan_.batch(number);
  items.resize(plan.count);
  order_.take(plan.first, plan.stride, items, space);
}

}  // namespace headrace
