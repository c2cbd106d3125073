#include "dataset/held_pieces.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "base/checked.h"
#include "base/error.h"
#include "dataset/remote_source.h"

namespace headrace {
namespace {

using std::chrono::steady_clock;

// So long who waits leaves others what they have ready: that comes to be used. Once for all that it
// waits for.
constexpr std::chrono::milliseconds kPatience{500};

// One batch, or one step of a slice, needs all of its shards at the same time. What is not known of
// their sizes is not held against it: it is looked at again when it is.
template <typename Needed>
void check_room(const Needed& needed) {
  uint64_t bytes = 0;
  size_t count = 0;
  uint64_t limit = UINT64_MAX;  // stores that share a cache may have been given different ones
  std::string urls;
  for (const auto& [set, shards] : needed) {
    for (const uint64_t shard : shards) {
      bytes = saturating_add(bytes, set->store().least_charge(shard));
    }
    count += shards.size();
    limit = std::min(limit, set->store().limit_bytes());
    urls += (urls.empty() ? "" : " and ") + set->url();
  }
  if (count > 1 && bytes > limit) {
    throw Error(ErrorCode::kInvalid,
                "rows that are read together lie in " + std::to_string(count) + " shards of " +
                    urls + ", which take " + std::to_string(bytes) +
                    " bytes of the cache, and it may have " + std::to_string(limit) +
                    "; pass a cache_bytes of more than that, or read fewer shards at once: in "
                    "row order, or with shuffle=hr.ShardShuffle()",
                {.file = needed.begin()->first->url(), .column = ""});
  }
}

// Those of all caches, or none: nobody waits for one and has another.
template <typename NeededByCache>
std::vector<std::unique_ptr<const WaitingTurn>> take_turns(const NeededByCache& needed) {
  std::vector<std::unique_ptr<const WaitingTurn>> turns;
  for (const auto& [cache, sets] : needed) {
    auto turn = sets.begin()->first->store().take_turn();
    if (turn == nullptr) {
      return {};
    }
    turns.push_back(std::move(turn));
  }
  return turns;
}

}  // namespace

void HeldPieces::hold(uint32_t group, std::span<const uint32_t> pieces,
                      const std::function<void()>& before_wait, const std::function<void()>& poll) {
  try {
    if (const Source* missing = try_hold(group, pieces)) {
      wait_for(missing, group, pieces, before_wait, poll);
    }
  } catch (...) {
    drop_all();
    abandon(group, pieces);
    throw;
  }
}

void HeldPieces::wait_for(const Source* missing, uint32_t group, std::span<const uint32_t> pieces,
                          const std::function<void()>& before_wait,
                          const std::function<void()>& poll) {
  const NeededByCache needed = shards_of(group, pieces);
  const auto check = [&] {
    for (const auto& [cache, sets] : needed) {
      check_room(sets);
    }
  };
  const auto check_and_poll = [&] {
    check();
    poll();
  };
  std::vector<std::unique_ptr<const WaitingTurn>> turns;
  const auto has_turn = [&] {
    if (turns.empty()) {
      turns = take_turns(needed);
    }
    return !turns.empty();
  };
  const auto patient_until = steady_clock::now() + kPatience;
  const auto goes_first = [&] { return steady_clock::now() >= patient_until && has_turn(); };
  while (missing != nullptr) {
    check();
    if (turns.empty()) {
      drop_all();
      before_wait();
      has_turn();
    }
    missing->fetch(check_and_poll, goes_first);
    missing = try_hold(group, pieces);
  }
}

// The first piece that is not here; all of them are on their way then.
const Source* HeldPieces::try_hold(uint32_t group, std::span<const uint32_t> pieces) {
  const Source* missing = nullptr;
  for (const uint32_t piece : pieces) {
    if (held_.contains({group, piece})) {
      continue;
    }
    const Source& source = this->source({group, piece});
    auto open = source.hold();
    if (open == nullptr) {
      missing = missing == nullptr ? &source : missing;
    } else if (source.is_transient()) {
      held_.insert_or_assign({group, piece}, std::move(open));
    }
  }
  return missing;
}

HeldPieces::NeededByCache HeldPieces::shards_of(uint32_t group,
                                                std::span<const uint32_t> pieces) const {
  NeededByCache needed;
  for (const uint32_t piece : pieces) {
    if (const auto* remote = dynamic_cast<const RemoteSource*>(&source({group, piece}))) {
      const RemoteShards* set = remote->remote();
      needed[set->store().cache()][set].insert(remote->shard());
    }
  }
  return needed;
}

void HeldPieces::abandon(uint32_t group, std::span<const uint32_t> pieces) const noexcept {
  for (const uint32_t piece : pieces) {
    try {
      source({group, piece}).abandon();
    } catch (const std::exception&) {
      continue;  // what is known of the error is thrown already
    }
  }
}

const OpenSource* HeldPieces::opened(Name name) const {
  const auto found = held_.find(name);
  return found != held_.end() ? found->second.get() : source(name).opened();
}

const MappedFile* HeldPieces::map_at(const void* address) const {
  for (const auto& [name, open] : held_) {
    for (const auto& map : open->maps) {
      if (map != nullptr && map->contains(address)) {
        return map.get();
      }
    }
  }
  return nullptr;
}

void HeldPieces::check_files() const {
  for (const auto& [name, open] : held_) {
    for (const auto& map : open->maps) {
      if (map != nullptr) {
        map->check_size();
      }
    }
  }
}

void HeldPieces::drop_retired() {
  for (auto entry = held_.begin(); entry != held_.end();) {
    if (entry->second->retired != nullptr &&
        entry->second->retired->load(std::memory_order_relaxed)) {
      on_drop_(entry->first);
      entry = held_.erase(entry);
    } else {
      ++entry;
    }
  }
}

void HeldPieces::drop_all() {
  for (const auto& [name, open] : held_) {
    on_drop_(name);
  }
  held_.clear();
}

}  // namespace headrace
