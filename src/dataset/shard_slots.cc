#include "dataset/shard_slots.h"

#include <algorithm>

namespace headrace {
namespace {

uint64_t least_position(const ShardSlots::Slot& slot) {
  return std::ranges::min(slot.wants, {}, &ShardSlots::Want::position).position;
}

}  // namespace

bool ShardSlots::want(uint64_t shard, const Want& want, std::shared_ptr<const CacheMember> member) {
  const std::lock_guard lock(mutex_);
  const auto [found, fresh] = slots_.try_emplace(shard);
  Slot& slot = found->second;
  if (fresh) {
    slot.generation = ++generations_;
    slot.position = kNoKnownUse;
    member_ = member;
    slot.member = std::move(member);
  }
  uint64_t position = want.position;
  if (want.pass != kNoPass) {
    const auto own = std::ranges::find(slot.wants, want.pass, &Want::pass);
    if (own != slot.wants.end()) {
      *own = want;
    } else {
      slot.wants.push_back(want);
    }
    position = least_position(slot);
  }
  slot.position = waiting_.contains(shard) ? std::min(slot.position, position) : position;
  return slot.ready != nullptr;
}

std::shared_ptr<const CacheMember> ShardSlots::member() const {
  const std::lock_guard lock(mutex_);
  return member_.lock();
}

bool ShardSlots::release(uint64_t shard, uint64_t pass) {
  const std::lock_guard lock(mutex_);
  const auto slot = slots_.find(shard);
  if (slot == slots_.end()) {
    return true;
  }
  std::vector<Want>& wants = slot->second.wants;
  const auto own = std::ranges::find(wants, pass, &Want::pass);
  if (own != wants.end()) {
    const uint64_t position = own->position;
    wants.erase(own);
    if (!wants.empty() && slot->second.position == position) {
      slot->second.position = least_position(slot->second);
    }
  }
  return wants.empty();
}

std::vector<uint64_t> ShardSlots::wanted_by(uint64_t pass) const {
  std::vector<uint64_t> shards;
  const std::lock_guard lock(mutex_);
  for (const auto& [shard, slot] : slots_) {
    if (std::ranges::find(slot.wants, pass, &Want::pass) != slot.wants.end()) {
      shards.push_back(shard);
    }
  }
  return shards;
}

template <typename Condition>
ShardSlots::Slot ShardSlots::take_if(uint64_t shard, Condition&& condition) {
  const std::lock_guard lock(mutex_);
  Slot taken;
  if (const auto found = slots_.find(shard); found != slots_.end() && condition(found->second)) {
    taken = std::move(found->second);
    slots_.erase(found);
    hold(taken, 0);
  }
  return taken;
}

ShardSlots::Slot ShardSlots::take(uint64_t shard) {
  return take_if(shard, [](const Slot& /*slot*/) { return true; });
}

ShardSlots::Slot ShardSlots::take_if_unwanted(uint64_t shard) {
  return take_if(shard,
                 [&](const Slot& slot) { return slot.wants.empty() && !waiting_.contains(shard); });
}

ShardSlots::Slot ShardSlots::take_if_idle(uint64_t shard) {
  return take_if(shard, [&](const Slot& slot) {
    return slot.wants.empty() && slot.ready.use_count() <= 1 && !waiting_.contains(shard);
  });
}

std::optional<ShardSlots::Place> ShardSlots::place(uint64_t shard) const {
  const std::lock_guard lock(mutex_);
  const auto slot = slots_.find(shard);
  if (slot == slots_.end() || slot->second.ready != nullptr) {
    return std::nullopt;
  }
  return Place{.generation = slot->second.generation, .position = slot->second.position};
}

std::optional<std::shared_ptr<const CachedShard>> ShardSlots::find(uint64_t shard) const {
  const std::lock_guard lock(mutex_);
  const auto found = slots_.find(shard);
  return found == slots_.end() ? std::nullopt : std::optional(found->second.ready);
}

bool ShardSlots::begin_wait(uint64_t shard) {
  const std::lock_guard lock(mutex_);
  const auto slot = slots_.find(shard);
  ++waiting_[shard];
  return slot != slots_.end() && !slot->second.wants.empty();
}

void ShardSlots::end_wait(uint64_t shard, std::chrono::nanoseconds waited) {
  std::shared_ptr<const RoomCall> ended;  // dropped after the lock
  const std::lock_guard lock(mutex_);
  if (const auto count = waiting_.find(shard); --count->second == 0) {
    waiting_.erase(count);
    if (const auto slot = slots_.find(shard); slot != slots_.end()) {
      ended.swap(slot->second.call);
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
  std::shared_ptr<const KeyPin> pin;  // dropped after the lock
  const std::lock_guard lock(mutex_);
  if (const auto slot = slots_.find(shard);
      slot != slots_.end() && slot->second.pin != nullptr && slot->second.ready == nullptr) {
    pin.swap(slot->second.pin);
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
  slot->second.ready.swap(ready);
  stats_.hits += hit ? 1 : 0;
}

std::optional<ShardSlots::Given> ShardSlots::give_back(
    uint64_t position, GiveBack which,
    const std::function<uint64_t(uint64_t shard, const Slot& slot)>& again) {
  const std::lock_guard lock(mutex_);
  auto farthest = slots_.end();
  for (auto it = slots_.begin(); it != slots_.end(); ++it) {
    const auto& [shard, slot] = *it;
    const bool counts = slot.ready != nullptr
                            ? slot.ready.use_count() == 1 && !waiting_.contains(shard)
                            : which == GiveBack::kLast && slot.held > 0;
    const bool any = which == GiveBack::kAny && farthest == slots_.end();
    if (counts && (slot.position > position || any)) {
      farthest = it;
      position = slot.position;
    }
  }
  if (farthest == slots_.end() || farthest->second.ready == nullptr) {
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
