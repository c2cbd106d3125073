#include "engine/batch_maker.h"

#include <utility>

namespace headrace {

BatchMaker::BatchMaker(DatasetPtr dataset, const LoaderOptions& options, uint64_t epoch,
                       uint64_t position, SlotPools pools)
    : dataset_(std::move(dataset)),
      order_(dataset_->rows(), options.shuffle, OrderKey{options.seed, epoch}),
      plan_(dataset_->rows(), position, options.split),
      pools_(std::move(pools)) {}

void BatchMaker::rows_of(uint64_t number, Order::Workspace& space,
                         std::vector<uint64_t>& rows) const {
  const Plan::Batch plan = plan_.batch(number);
  rows.resize(plan.count);
  order_.take(plan.first, plan.stride, rows, space);
}

void BatchMaker::make(uint64_t number, Workspace& space, Batch& batch,
                      const std::optional<Cold>& cold) const {
  batch.number = number;
  batch.repeated = plan_.batch(number).repeated;
  rows_of(number, space.order, space.rows);
  batch.rows = space.rows.size();
  batch.columns.clear();
  space.outs.clear();
  for (const std::shared_ptr<SlotPool>& pool : pools_) {
    batch.columns.push_back(pool->acquire());
    space.outs.push_back(batch.columns.back().data());
  }
  if (cold) {
    space.reader.read_cold(space.rows, space.outs, cold->asked, cold->cancelled);
  } else {
    space.reader.read(space.rows, space.outs);
  }
}

}  // namespace headrace
