#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <semaphore>
#include <string>

#include "dataset/reader.h"
#include "format/manifest.h"
#include "storage/shard_cache.h"

namespace headrace {

// Makes bytes from a store, or from whoever makes them, shards in a cache. All are compared with
// the manifest, and where there is none with their own hashes; shards that are stored compressed
// are kept without compression, since a row of them would cost a whole buffer. Thread-safe.
class ShardAdmission {
 public:
  ShardAdmission(std::shared_ptr<ShardCache> cache, std::shared_ptr<const ShardTable> shards);

  // Checks what was fetched of a shard, or the `bytes` bytes that were made of it, and publishes
  // it. Throws kCorrupt, kTruncated where it is not what the manifest says, or as expand_shard();
  // kIo; what `poll` throws. Requires: nobody writes to `reservation`, which and `pin` are of that
  // shard.
  std::shared_ptr<const CachedShard> admit(Reservation& reservation,
                                           const std::shared_ptr<const KeyPin>& pin, size_t shard,
                                           uint64_t bytes, const Poll& poll);

  // Adopts the file `path`, which ShardCache::unchecked() gave, if it is right: of what was
  // expanded or made by the file's own hashes, which cover its metadata and its rows, since the
  // manifest's is of what was not kept, or there is none. False if it is not. Throws kIo.
  // Requires: `claim` is of the shard.
  bool adopt(const KeyClaim& claim, const std::string& path, size_t shard) const;

 private:
  void check_stored(const std::string& path, size_t shard) const;
  std::optional<std::string> find_flaw(const std::string& path, size_t shard,
                                       const Poll& poll) const;
  uint64_t expand(const Reservation& reservation, const Poll& poll);

  const std::shared_ptr<ShardCache> cache_;
  const std::shared_ptr<const ShardTable> shards_;
  std::counting_semaphore<> expansions_;
};

}  // namespace headrace
