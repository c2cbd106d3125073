#include "engine/batch_maker.h"

#include <utility>

namespace headrace {

BatchMaker::BatchMaker(DatasetPtr dataset, const LoaderOptions& options, uint64_t epoch,
                       uint64_t position, SlotPools pools)
    : dataset_(std::move(dataset)),
      order_(std::make_shared<const BatchOrder>(dataset_->rows(), options.shuffle,
                                                OrderKey{options.seed, epoch}, position,
                                                options.split)),
      pools_(std::move(pools)) {}

void BatchMaker::make(uint64_t number, Workspace& space, Batch& batch) const {
  batch.number = number;
  batch.repeated = plan().batch(number).repeated;
  order_->items_of(number, space.order, space.rows);
  batch.rows = space.rows.size();
  batch.columns.clear();
  space.outs.clear();
  for (const std::shared_ptr<SlotPool>& pool : pools_) {
    batch.columns.push_back(pool->acquire());
    space.outs.push_back(batch.columns.back().data());
  }
  space.reader.read(space.rows, space.outs);
}

}  // namespace headrace
