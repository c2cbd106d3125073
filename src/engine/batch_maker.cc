#include "engine/batch_maker.h"

#include <utility>

namespace headrace {

BatchMaker::BatchMaker(DatasetPtr dataset, const LoaderOptions& options, uint64_t epoch,
                       uint64_t position, SlotPools pools)
    : dataset_(std::move(dataset)),
      order_(order_of(*dataset_, options, epoch, position)),
      pools_(std::move(pools)),
      lists_(options.listed > 0 ? std::make_unique<RowLists>() : nullptr) {}

bool BatchMaker::rows_of(uint64_t number, Order::Workspace& space,
                         std::vector<uint64_t>& rows) const {
  if (lists_ != nullptr) {
    return lists_->look(number, rows);
  }
  order_->items_of(number, space, rows);
  return true;
}

void BatchMaker::make(uint64_t number, Workspace& space, Batch& batch,
                      const std::optional<Cold>& cold) const {
  batch.number = number;
  batch.repeated = plan().batch(number).repeated;
  if (lists_ == nullptr) {
    order_->items_of(number, space.order, space.rows);
    read(space.rows, pools_, space, batch, cold);
    return;
  }
  const RowList list = lists_->take(number);
  read(list.rows, list.pools, space, batch, cold);
  batch.repeated = batch.repeated == 0 ? 0 : batch.rows;
}

void BatchMaker::read(std::span<const uint64_t> rows, const SlotPools& pools, Workspace& space,
                      Batch& batch, const std::optional<Cold>& cold) {
  batch.rows = rows.size();
  batch.columns.clear();
  space.outs.clear();
  for (const std::shared_ptr<SlotPool>& pool : pools) {
    batch.columns.push_back(pool->acquire());
    space.outs.push_back(batch.columns.back().data());
  }
  if (cold) {
    space.reader.read_cold(rows, space.outs, cold->asked, cold->poll);
  } else {
    space.reader.read(rows, space.outs);
  }
}

std::shared_ptr<const BatchOrder> order_of(const Dataset& dataset, const LoaderOptions& options,
                                           uint64_t epoch, uint64_t position) {
  const uint64_t items = options.listed > 0 ? options.listed : dataset.rows();
  return std::make_shared<const BatchOrder>(items, options.shuffle, OrderKey{options.seed, epoch},
                                            position, options.split);
}

}  // namespace headrace
