#include "dataset/next_uses.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace headrace {
namespace {

// So long a pass counts at most, and so far it may begin: there is always room for all.
constexpr uint64_t kMostLength = kLaterPass / 4;
constexpr uint64_t kMostBegin = kLaterPass / 2;

}  // namespace

NextUses::NextUses(const Uuid& dataset, std::shared_ptr<const ShardTable> shards, bool made)
    : dataset_(dataset), shards_(std::move(shards)), made_(made), by_id_(shards_->size()) {
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

std::vector<NextUses::Pass>::iterator NextUses::find(uint64_t pass) {
  return std::ranges::find(passes_, pass, &Pass::number);
}

uint64_t NextUses::begin_of_next() {
  if (!passes_.empty()) {
    return std::ranges::max(passes_, {}, &Pass::now).now;
  }
  if (end_ > kMostBegin) {
    end_ = kFirst;
    left_.clear();
  }
  return end_;
}

uint64_t NextUses::begin_pass(uint64_t length) {
  const std::lock_guard lock(mutex_);
  const uint64_t begin = begin_of_next();
  passes_.push_back({.number = passes_begun_ + 1,
                     .begin = begin,
                     .length = std::min(length, kMostLength),
                     .now = begin});
  try {
    passes_.back().uses = std::move(left_);
    passes_.back().uses.resize(shards_->size(), kNoKnownUse);
  } catch (...) {
    passes_.pop_back();
    throw;
  }
  left_.clear();
  return ++passes_begun_;
}

void NextUses::advance(uint64_t pass, uint64_t position) {
  const std::lock_guard lock(mutex_);
  Pass& found = *find(pass);
  found.now = std::max(found.now, found.begin + std::min(position, found.length));
}

void NextUses::end_pass(uint64_t pass) noexcept {
  std::vector<uint64_t> uses;  // freed after the lock
  const std::lock_guard lock(mutex_);
  const auto found = find(pass);
  end_ = std::max(end_, found->begin + found->length);
  uses = std::move(found->uses);
  passes_.erase(found);
  for (uint64_t& use : uses) {
    use = use < kLaterPass ? kNoKnownUse : use;
  }
  if (passes_.empty()) {
    left_ = std::move(uses);
    return;
  }
  std::vector<uint64_t>& others = passes_.front().uses;
  for (size_t shard = 0; shard < others.size(); ++shard) {
    others[shard] = others[shard] == kNoKnownUse ? uses[shard] : others[shard];
  }
}

uint64_t NextUses::set(uint64_t pass, size_t shard, uint64_t position) {
  const std::lock_guard lock(mutex_);
  Pass& found = *find(pass);
  uint64_t use = position;
  if (position < kLaterPass) {
    use = found.begin + std::min(position, kMostLength - 1);
  } else if (position != kNoKnownUse) {
    use = kLaterPass + found.begin + found.length + std::min(position - kLaterPass, kMostLength);
  }
  return found.uses[shard] = use;
}

uint64_t NextUses::next_use(size_t shard) const {
  const std::lock_guard lock(mutex_);
  uint64_t next = left_.empty() ? kNoKnownUse : left_[shard];
  for (const Pass& pass : passes_) {
    next = std::min(next, pass.uses[shard]);
  }
  return next;
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
  return next_use(*found);
}

}  // namespace headrace
