#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/shard_uses.h"
#include "engine/wanted_shards.h"

namespace headrace {

// Uses that a test has listed, by their begin.
class ListOfUses : public ShardUses {
 public:
  explicit ListOfUses(std::vector<ShardUse> uses) : uses_(uses.begin(), uses.end()) {}

  std::optional<ShardUse> next() override {
    if (uses_.empty()) {
      return std::nullopt;
    }
    const ShardUse use = uses_.front();
    uses_.pop_front();
    return use;
  }

 private:
  std::deque<ShardUse> uses_;
};

// A supply that notes what is asked of it. Every shard takes 10 bytes, unless a test says
// otherwise.
class NotedSupply : public ShardSupply {
 public:
  static constexpr uint64_t kCharge = 10;

  explicit NotedSupply(uint64_t share) : share(share) {}

  void want(uint64_t shard, uint64_t position) override {
    calls += wanted.contains(shard) ? 0 : 1;
    wanted[shard] = position;
    next_use[shard] = position;
    if (shard == fails_behind) {
      throw Error(ErrorCode::kIo, "not now");
    }
  }
  void release(uint64_t shard, uint64_t position) override {
    wanted.erase(shard);
    next_use[shard] = position;
    released.emplace_back(shard, position);
  }
  void set_next_use(uint64_t shard, uint64_t position) override { next_use[shard] = position; }
  uint64_t charge(uint64_t /*shard*/) const override { return each; }
  uint64_t share_bytes() const override { return share; }

  std::set<uint64_t> wanted_shards() const {
    std::set<uint64_t> shards;
    for (const auto& [shard, position] : wanted) {
      shards.insert(shard);
    }
    return shards;
  }

  uint64_t share;
  uint64_t each = kCharge;               // what a shard takes by now
  std::optional<uint64_t> fails_behind;  // a shard of which want() throws when it is done
  uint64_t calls = 0;                    // that wanted a shard anew
  std::map<uint64_t, uint64_t> wanted;   // and for which position
  std::map<uint64_t, uint64_t> next_use;
  std::vector<std::pair<uint64_t, uint64_t>> released;
};

}  // namespace headrace
