#include "engine/wanted_shards.h"

#include <algorithm>
#include <exception>

namespace headrace {

WantedShards::WantedShards(ShardSupply& supply, ShardUses& uses,
                           std::function<uint64_t(uint64_t)> later, const Setting& setting)
    : supply_(supply), uses_(uses), later_(std::move(later)), setting_(setting) {}

void WantedShards::advance(uint64_t oldest, uint64_t due) {
  end_uses(oldest);
  learn(oldest);
  want_due(oldest, due);
}

void WantedShards::end_uses(uint64_t oldest) {
  while (!ends_.empty() && ends_.top().first <= oldest) {
    const uint64_t shard = ends_.top().second;
    const uint64_t end = shards_.at(shard).uses.front().end;
    if (end <= oldest) {
      end_use(shard);  // which adds only what ends later
    }
    ends_.pop();
    if (end > oldest) {
      ends_.emplace(end, shard);  // another use was found to follow without a gap
    }
  }
}

// The first use of a shard is over.
void WantedShards::end_use(uint64_t shard) {
  Shard& state = shards_.at(shard);
  const bool last = state.uses.size() == 1;
  const uint64_t next = last ? later_(shard) : state.uses[1].begin;
  if (state.wanted && !last && next <= looked_at_) {
    supply_.want(shard, next);
    state.uses.pop_front();
    ends_.emplace(state.uses.front().end, shard);
    return;
  }
  supply_.release(shard, next);
  held_bytes_ -= state.wanted ? state.bytes : 0;
  state.wanted = false;
  state.uses.pop_front();
  if (last) {
    shards_.erase(shard);
  }
}

// Takes up more uses.
void WantedShards::learn(uint64_t oldest) {
  for (size_t i = 0; i < kLearnedUses && coming_.size() < kKnownUses; ++i) {
    const std::optional<ShardUse> use = uses_.next();
    if (!use) {
      return;
    }
    if (use->end <= oldest) {
      continue;
    }
    Shard& state = shards_[use->shard];
    if (!state.uses.empty() && state.uses.back().end >= use->begin) {
      state.uses.back().end = std::max(state.uses.back().end, use->end);
      continue;
    }
    state.uses.push_back(*use);
    coming_.emplace_back(use->begin, use->shard);
    if (state.uses.size() == 1) {
      supply_.set_next_use(use->shard, use->begin);
    }
  }
}

void WantedShards::want_due(uint64_t oldest, uint64_t due) {
  while (!ahead_.empty() && ahead_.front().begin < due) {
    ahead_bytes_ -= ahead_.front().bytes;
    ahead_.pop_front();
  }
  while (!coming_.empty()) {
    const auto [begin, shard] = coming_.front();
    const Shard& state = shards_.at(shard);
    if (!state.wanted) {
      const bool missed = state.uses.front().end <= oldest;
      if (!missed && begin >= due && !has_room(supply_.charge(shard))) {
        return;
      }
      if (missed) {
        end_use(shard);  // its readers came first, and may still hold it
      } else {
        want(shard, due);
      }
    }
    coming_.pop_front();  // what is wanted stays for this use
    looked_at_ = begin;
  }
}

// For something that is not due.
bool WantedShards::has_room(uint64_t bytes) const {
  const uint64_t share = supply_.share_bytes();
  const uint64_t most = std::min(std::max(setting_.ahead_bytes, share / setting_.ahead_part),
                                 share / setting_.most_part);
  return held_bytes_ == 0 ||
         (held_bytes_ + bytes <= share && (ahead_bytes_ == 0 || ahead_bytes_ + bytes <= most));
}

void WantedShards::want(uint64_t shard, uint64_t due) {
  Shard& state = shards_.at(shard);
  const ShardUse& use = state.uses.front();
  asked_ = shard;
  supply_.want(shard, use.begin);
  asked_.reset();
  state.wanted = true;
  state.bytes = supply_.charge(shard);
  held_bytes_ += state.bytes;
  ends_.emplace(use.end, shard);
  if (use.begin >= due) {
    ahead_.push_back({use.begin, state.bytes});
    ahead_bytes_ += state.bytes;
  }
}

void WantedShards::release_all() noexcept {
  for (const auto& known : shards_) {  // clang-tidy 16 crashes where names are bound to both
    const uint64_t shard = known.first;
    try {
      if (known.second.wanted || shard == asked_) {
        supply_.release(shard, later_(shard));
      } else {
        supply_.set_next_use(shard, later_(shard));
      }
    } catch (const std::exception&) {
      continue;  // the store is closed: nothing is held any more
    }
  }
  shards_.clear();
  coming_.clear();
  ahead_.clear();
  ends_ = {};
  asked_.reset();
  ahead_bytes_ = 0;
  held_bytes_ = 0;
}

}  // namespace headrace
