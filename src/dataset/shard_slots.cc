#include "dataset/shard_slots.h"

namespace headrace {

bool ShardSlots::want(uint64_t shard, uint64_t position, bool kept,
                      std::shared_ptr<const CacheMember> member) {
  const std::lock_guard lock(mutex_);
  Slot& slot = slots_[shard];
  slot.member.swap(member);
  slot.position = position;
  slot.kept = slot.kept || kept;
  return slot.ready != nullptr;
}

ShardSlots::Slot ShardSlots::take(uint64_t shard) {
  const std::lock_guard lock(mutex_);
  Slot taken;
  if (const auto found = slots_.find(shard); found != slots_.end()) {
    taken = std::move(found->second);
    slots_.erase(found);
    hold(taken, 0);
  }
  return taken;
}

std::optional<std::shared_ptr<const CachedShard>> ShardSlots::find(uint64_t shard) const {
  const std::lock_guard lock(mutex_);
  const auto found = slots_.find(shard);
  return found == slots_.end() ? std::nullopt : std::optional(found->second.ready);
}

bool ShardSlots::is_idle(uint64_t shard) const {
  const std::lock_guard lock(mutex_);
  const auto slot = slots_.find(shard);
  return slot != slots_.end() && !slot->second.kept && slot->second.ready.use_count() <= 1 &&
         !waiting_.contains(shard);
}

bool ShardSlots::begin_wait(uint64_t shard) {
  const std::lock_guard lock(mutex_);
  const auto slot = slots_.find(shard);
  ++waiting_[shard];
  return slot != slots_.end() && slot->second.kept;
}

void ShardSlots::end_wait(uint64_t shard, std::chrono::nanoseconds waited) {
  const std::lock_guard lock(mutex_);
  if (const auto count = waiting_.find(shard); --count->second == 0) {
    waiting_.erase(count);
    if (const auto slot = slots_.find(shard); slot != slots_.end()) {
      slot->second.call.reset();
    }
  }
  ++stats_.waits;
  stats_.waited += waited;
}

std::shared_ptr<const KeyPin> ShardSlots::pin(uint64_t shard, std::shared_ptr<const KeyPin> pin,
                                              uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto slot = slots_.find(shard);
  if (slot == slots_.end() || slot->second.ready != nullptr) {
    return nullptr;
  }
  if (slot->second.pin == nullptr) {
    slot->second.pin = std::move(pin);
  }
  hold(slot->second, bytes);  // again: more may be known of what is made
  return slot->second.pin;
}

void ShardSlots::unpin(uint64_t shard) {
  const std::lock_guard lock(mutex_);
  if (const auto slot = slots_.find(shard);
      slot != slots_.end() && slot->second.pin != nullptr && slot->second.ready == nullptr) {
    slot->second.pin.reset();
    hold(slot->second, 0);
  }
}

uint64_t ShardSlots::held_by_others(uint64_t shard) const {
  const std::lock_guard lock(mutex_);
  const auto slot = slots_.find(shard);
  return stats_.held_bytes - (slot != slots_.end() ? slot->second.held : 0);
}

void ShardSlots::count_fetch(uint64_t shard) {
  const std::lock_guard lock(mutex_);
  ++stats_.fetches;
  stats_.refetches += fetched_[shard] ? 1 : 0;
  fetched_[shard] = true;
}

void ShardSlots::settle(uint64_t shard, std::shared_ptr<const CachedShard> ready, uint64_t bytes,
                        bool hit) {
  const std::lock_guard lock(mutex_);
  const auto slot = slots_.find(shard);
  if (slot == slots_.end()) {
    return;
  }
  if (slot->second.held > 0) {  // what it was fetched with is gone
    hold(slot->second, bytes);
  }
  slot->second.ready = std::move(ready);
  stats_.hits += hit ? 1 : 0;
}

std::optional<ShardSlots::Given> ShardSlots::give_back(
    uint64_t position, bool any,
    const std::function<uint64_t(uint64_t shard, const Slot& slot)>& again) {
  const std::lock_guard lock(mutex_);
  auto farthest = slots_.end();
  for (auto it = slots_.begin(); it != slots_.end(); ++it) {
    const auto& [shard, slot] = *it;
    const bool idle =
        slot.ready != nullptr && slot.ready.use_count() == 1 && !waiting_.contains(shard);
    if (idle && (slot.position > position || (any && farthest == slots_.end()))) {
      farthest = it;
      position = slot.position;
    }
  }
  if (farthest == slots_.end()) {
    return std::nullopt;
  }
  auto& [shard, slot] = *farthest;
  Given given{.shard = shard, .position = again(shard, slot)};
  std::swap(given.ready, slot.ready);
  std::swap(given.pin, slot.pin);
  hold(slot, 0);
  slot.position = given.position;
  return given;
}

ShardStoreStats ShardSlots::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace headrace
