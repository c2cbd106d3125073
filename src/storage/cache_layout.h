#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/uuid.h"

// The names in the directory of a cache; docs/cache.md has the protocol.
namespace headrace {

// What a cached shard is: never a name that somebody else gave.
struct CacheKey {
  Uuid dataset = {};
  Uuid shard = {};
  uint64_t xxh3 = 0;      // XXH3-64 of the shard as it is stored; of one that is made, a name
  bool expanded = false;  // it is kept without the compression that it is stored with
  bool made = false;      // it is stored nowhere: somebody makes it; not expanded then

  // Whether its size is known when it is there, and before that only how large it may be.
  bool has_own_size() const noexcept { return expanded || made; }

  auto operator<=>(const CacheKey&) const = default;
};

enum class CacheFileKind : uint8_t {
  kShard,   // whole, and checked by a process of its boot
  kPart,    // what becomes the shard: its size is the space that was taken for it
  kStored,  // of one that is expanded, what is fetched: it goes when the shard is there
};

struct CacheFileName {
  CacheKey key = {};
  CacheFileKind kind = CacheFileKind::kShard;

  bool operator==(const CacheFileName&) const = default;
};

// "<dataset>.<shard>.<16 digits>.shard" or ".part"; of what is expanded ".expanded.shard",
// ".expanded.part" or ".expanded.stored"; of what is made ".made.shard" or ".made.part".
std::string cache_file_name(const CacheKey& key, CacheFileKind kind);

// The reverse, for listings; nothing for any other name.
std::optional<CacheFileName> parse_cache_file_name(std::string_view name) noexcept;

// The paths of a cache. `boot` is a start of the machine, which what it checked is sorted by.
class CachePaths {
 public:
  // Requires: `root` is not empty.
  explicit CachePaths(std::string root) : root_(std::move(root)) {}

  const std::string& root() const noexcept { return root_; }
  std::string tag() const { return root_ + "/CACHEDIR.TAG"; }
  std::string ledger() const { return root_ + "/ledger"; }
  std::string pins() const { return root_ + "/pins"; }
  std::string boot(const Uuid& boot) const { return root_ + "/" + uuid_text(boot); }
  std::string file(const Uuid& boot, const CacheFileName& name) const {
    return this->boot(boot) + "/" + cache_file_name(name.key, name.kind);
  }
  std::string shard(const Uuid& boot, const CacheKey& key) const {
    return file(boot, {key, CacheFileKind::kShard});
  }
  std::string part(const Uuid& boot, const CacheKey& key) const {
    return file(boot, {key, CacheFileKind::kPart});
  }
  std::string stored(const Uuid& boot, const CacheKey& key) const {
    return file(boot, {key, CacheFileKind::kStored});
  }

 private:
  std::string root_;
};

// The UUID of this start of the machine. Throws kIo.
Uuid boot_id();

// What a file of `bytes` bytes is counted as: whole blocks of 4 KiB. Requires: bytes < 2^63.
uint64_t charged_bytes(uint64_t bytes) noexcept;

}  // namespace headrace
