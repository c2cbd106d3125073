#include "engine/shard_uses.h"

#include <algorithm>
#include <unordered_set>

#include "order/unit_uses.h"

namespace headrace {
namespace {

// Takes the first of what is pending.
std::optional<ShardUse> take(std::deque<ShardUse>& pending) {
  if (pending.empty()) {
    return std::nullopt;
  }
  const ShardUse use = pending.front();
  pending.pop_front();
  return use;
}

// The first position behind the batches of a plan; later ones are nobody's.
uint64_t end_of(const Plan& plan) { return plan.position_after(plan.batches()); }

// Rows in their own order, which is that of their files: runs, of all groups by their begin.
class RunUses : public ShardUses {
 public:
  RunUses(const Plan& plan, std::shared_ptr<const RowShards> shards)
      : position_(plan.begin_of(0)), end_(end_of(plan)), shards_(std::move(shards)) {
    for (const auto& runs : shards_->runs()) {
      const auto first =
          std::upper_bound(runs.begin(), runs.end(), position_,
                           [](uint64_t row, const RowShards::Run& run) { return row < run.end; });
      cursors_.push_back({&runs, static_cast<size_t>(first - runs.begin())});
    }
  }

  std::optional<ShardUse> next() override {
    for (Cursor* cursor = first(); cursor != nullptr && cursor->begin() < end_; cursor = first()) {
      const ShardUse use{.shard = (*cursor->runs)[cursor->next].shard,
                         .begin = std::max(position_, cursor->begin()),
                         .end = (*cursor->runs)[cursor->next].end};
      ++cursor->next;
      if (use.shard != RowShards::kElsewhere) {
        return use;
      }
    }
    return std::nullopt;
  }

 private:
  struct Cursor {
    const std::vector<RowShards::Run>* runs;
    size_t next;
    uint64_t begin() const noexcept { return next == 0 ? 0 : (*runs)[next - 1].end; }
  };

  Cursor* first() noexcept {
    Cursor* found = nullptr;
    for (Cursor& cursor : cursors_) {
      if (cursor.next < cursor.runs->size() &&
          (found == nullptr || cursor.begin() < found->begin())) {
        found = &cursor;
      }
    }
    return found;
  }

  uint64_t position_;
  uint64_t end_;
  std::shared_ptr<const RowShards> shards_;
  std::vector<Cursor> cursors_;
};

// Blocks or shards of rows that are open for a while.
class UnitShardUses : public ShardUses {
 public:
  UnitShardUses(std::shared_ptr<const BatchOrder> order, std::shared_ptr<const RowShards> shards)
      : order_(std::move(order)),
        shards_(std::move(shards)),
        position_(order_->plan().batch(0).first),
        units_(*order_->order().window(), position_, order_->plan().batch(0).stride) {}

  std::optional<ShardUse> next() override {
    const uint64_t end = end_of(order_->plan());
    while (pending_.empty() && units_.peek() != nullptr && units_.peek()->begin < end) {
      const UnitUse& use = *units_.peek();
      for (const uint64_t shard : shards_->of_range(use.unit.first_row, use.unit.rows, space_)) {
        pending_.push_back(
            {.shard = shard, .begin = std::max(position_, use.begin), .end = use.end});
      }
      units_.next();
    }
    return take(pending_);
  }

 private:
  std::shared_ptr<const BatchOrder> order_;
  std::shared_ptr<const RowShards> shards_;
  uint64_t position_;
  UnitUses units_;
  RowShards::Workspace space_;
  std::deque<ShardUse> pending_;
};

// Rows that are known batch by batch.
class BatchUses : public ShardUses {
 public:
  // What was used stays in use to the end where `lasting`: it comes again soon.
  BatchUses(std::shared_ptr<const BatchOrder> order, std::shared_ptr<const RowShards> shards,
            bool lasting)
      : order_(std::move(order)), shards_(std::move(shards)) {
    if (lasting) {
      left_ = shards_->all().size();
    }
  }

  std::optional<ShardUse> next() override {
    const Plan& plan = order_->plan();
    while (pending_.empty() && number_ < plan.batches() && left_ != 0) {
      if (plan.batch(number_).repeated == 0) {
        order_->items_of(number_, order_space_, rows_);
        add(plan);
      }
      ++number_;
    }
    return take(pending_);
  }

 private:
  void add(const Plan& plan) {
    for (const uint64_t shard : shards_->of_rows(rows_, space_)) {
      if (!left_) {
        pending_.push_back({shard, plan.begin_of(number_), plan.begin_of(number_ + 1)});
      } else if (used_.insert(shard).second) {
        pending_.push_back({shard, plan.begin_of(number_), order_->order().rows()});
        --*left_;
      }
    }
  }

  std::shared_ptr<const BatchOrder> order_;
  std::shared_ptr<const RowShards> shards_;
  std::optional<uint64_t> left_;  // shards that were not used yet; nothing where uses do not last
  std::unordered_set<uint64_t> used_;
  uint64_t number_ = 0;
  Order::Workspace order_space_;
  std::vector<uint64_t> rows_;
  RowShards::Workspace space_;
  std::deque<ShardUse> pending_;
};

}  // namespace

std::unique_ptr<ShardUses> uses_of_order(std::shared_ptr<const BatchOrder> order,
                                         std::shared_ptr<const RowShards> shards) {
  const Plan& plan = order->plan();
  if (order->order().window() != nullptr && plan.batches() > 0 && plan.batch(0).repeated == 0) {
    return std::make_unique<UnitShardUses>(std::move(order), std::move(shards));
  }
  if (order->order().sequential() && shards->in_order()) {
    return std::make_unique<RunUses>(plan, std::move(shards));
  }
  const bool lasting = !order->order().sequential();
  return std::make_unique<BatchUses>(std::move(order), std::move(shards), lasting);
}

void ListedUses::name(uint64_t number, std::vector<uint64_t> rows) {
  const std::lock_guard lock(mutex_);
  named_.emplace_back(number, std::move(rows));
}

std::optional<ShardUse> ListedUses::next() {
  while (pending_.empty()) {
    std::pair<uint64_t, std::vector<uint64_t>> batch;
    {
      const std::lock_guard lock(mutex_);
      if (named_.empty()) {
        return std::nullopt;
      }
      batch = std::move(named_.front());
      named_.pop_front();
    }
    for (const uint64_t shard : shards_->of_rows(batch.second, space_)) {
      pending_.push_back({.shard = shard, .begin = batch.first, .end = batch.first + 1});
    }
  }
  return take(pending_);
}

}  // namespace headrace
