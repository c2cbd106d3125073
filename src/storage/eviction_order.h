#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/uuid.h"
#include "storage/cache_layout.h"

namespace headrace {

// When a shard is next used: a position in the order of a process. Positions of later passes begin
// here, so that it can be told what is dead for this one.
inline constexpr uint64_t kLaterPass = uint64_t{1} << 62;

// No use of it is known.
inline constexpr uint64_t kNoKnownUse = UINT64_MAX;

// What this process knows of the next use of a shard, kNoKnownUse if nothing.
using NextUse = std::function<uint64_t(const CacheKey&)>;

// A shard in the cache that nobody may need.
struct Evictable {
  CacheKey key = {};
  Uuid boot = {};           // whose directory it lies in
  int64_t modified_ns = 0;  // of the file: when it was last used, or dead_since() that
};

// The time that marks a file as dead for the pass of whoever used it last, `now_ns`: so long before
// that no file has it otherwise, and in the order of these times. Both in ns since 1970.
int64_t dead_since(int64_t now_ns) noexcept;
bool is_dead(int64_t modified_ns) noexcept;

// Which shard leaves the cache first. In this order:
//
//   1. those of which this process knows no use and that are marked as dead, the oldest mark first;
//   2. its own that are next used in a later pass, the farthest first;
//   3. others of which it knows no use, the longest unused first;
//   4. its own that are still used in this pass, the farthest first.
//
// Not shared between threads.
class EvictionOrder {
 public:
  explicit EvictionOrder(NextUse next_use) : next_use_(std::move(next_use)) {}

  void clear() noexcept;

  // Adds a shard, or says anew what is known of it.
  void add(const Evictable& shard);

  void remove(const CacheKey& key) noexcept;

  // Takes the shard that is to go first for one that is used at `position`, never one that is known
  // to be used before it; nothing where no other is left. What next uses are is asked again.
  std::optional<Evictable> take(uint64_t position);

 private:
  // What is smaller goes first.
  using Rank = std::pair<int, uint64_t>;
  using Ranked = std::pair<Rank, CacheKey>;

  Rank rank_of(const Evictable& shard) const;

  NextUse next_use_;
  std::set<Ranked> order_;
  std::map<CacheKey, std::pair<Rank, Evictable>> shards_;
};

}  // namespace headrace
