#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>

namespace headrace {

class HeldShard;

// The shards that were opened last, held so that reading row by row does not open one for each row.
// Thread-safe. What it drops it drops without its lock.
class RecentShards {
 public:
  static constexpr size_t kMost = 4;

  // Holds a shard, and of the others as many as take at most `most_bytes` of the cache with it.
  void keep(uint64_t shard, std::shared_ptr<const HeldShard> held, uint64_t most_bytes);

  void drop(uint64_t shard) noexcept;
  void drop_all() noexcept;

 private:
  using Kept = std::pair<uint64_t, std::shared_ptr<const HeldShard>>;

  std::mutex mutex_;
  std::deque<Kept> kept_;  // the last one at the back
};

}  // namespace headrace
