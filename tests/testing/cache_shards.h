#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

#include "storage/shard_cache.h"
#include "testing/child_process.h"

// Shards of 8000 bytes in a cache, known by a number.
namespace headrace {

inline constexpr uint64_t kCachedBytes = 8000;  // counted as 8192
inline constexpr uint64_t kCachedCharge = 8192;

inline CacheKey cache_key(uint64_t number) { return {.dataset = {9}, .xxh3 = number}; }

inline std::shared_ptr<ShardCache> open_cache(const std::string& directory, uint64_t shards) {
  return ShardCache::open({.directory = directory, .limit_bytes = shards * kCachedCharge});
}

// Room for a shard. Requires: there is some, and nobody else fetches it.
inline std::shared_ptr<Reservation> reserve_shard(ShardCache& cache, uint64_t number) {
  auto claim = cache.claim(cache_key(number));
  return cache.reserve(claim, {.bytes = kCachedBytes}, 0);
}

// Requires: as reserve_shard().
inline std::shared_ptr<const CachedShard> put_shard(ShardCache& cache, uint64_t number) {
  const auto pin = cache.pin(cache_key(number));
  const auto reservation = reserve_shard(cache, number);
  reservation->file().write(0,
                            std::vector<std::byte>(kCachedBytes, static_cast<std::byte>(number)));
  return cache.publish(*reservation, pin);
}

// What a process leaves that is killed while it has reserved room for a shard.
inline void leave_reservation(const std::string& directory, uint64_t shards, uint64_t number) {
  const Handshake reserved;
  ChildProcess victim([&] {
    const auto own = open_cache(directory, shards);
    const auto left = reserve_shard(*own, number);
    reserved.signal();
    ::pause();
    return 0;
  });
  reserved.wait();
  victim.kill();
}

}  // namespace headrace
