#include "dataset/next_uses.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace headrace {

NextUses::NextUses(const Uuid& dataset, std::shared_ptr<const ShardTable> shards, bool made)
    : dataset_(dataset),
      shards_(std::move(shards)),
      made_(made),
      by_id_(shards_->size()),
      positions_(shards_->size(), kNoKnownUse) {
  std::iota(by_id_.begin(), by_id_.end(), 0);
  std::ranges::sort(by_id_, {}, [this](uint32_t shard) { return shards_->ids[shard]; });
}

CacheKey NextUses::key(size_t shard) const noexcept {
  return {.dataset = dataset_,
          .shard = shards_->ids[shard],
          .xxh3 = shards_->stored_xxh3[shard],
          .expanded = shards_->encodings[shard] != ShardEncoding::kPlain,
          .made = made_};
}

void NextUses::set(size_t shard, uint64_t position) {
  const std::lock_guard lock(mutex_);
  positions_[shard] = position;
}

uint64_t NextUses::position(size_t shard) const {
  const std::lock_guard lock(mutex_);
  return positions_[shard];
}

uint64_t NextUses::ranked(uint64_t position) const noexcept {
  const uint64_t end = pass_end_;
  return position < end || position == kNoKnownUse ? position : kLaterPass + (position - end);
}

uint64_t NextUses::next_use(const CacheKey& key) const {
  if (key.dataset != dataset_) {
    return kNoKnownUse;
  }
  const auto found = std::ranges::lower_bound(
      by_id_, key.shard, {}, [this](uint32_t shard) { return shards_->ids[shard]; });
  if (found == by_id_.end() || this->key(*found) != key) {
    return kNoKnownUse;
  }
  const std::lock_guard lock(mutex_);
  return ranked(positions_[*found]);
}

}  // namespace headrace
