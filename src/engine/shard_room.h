#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "engine/batch_maker.h"
#include "engine/batch_order.h"
#include "engine/row_shards.h"
#include "engine/shard_uses.h"

namespace headrace {

// What the cache gives a pass.
struct PassRoom {
  uint64_t limit = 0;    // of the cache, in bytes
  uint64_t share = 0;    // of this process, ahead of its need
  uint64_t sharers = 1;  // processes of this machine that make the same pass, this included

  // What the shards of the pass may take together, in bytes. `alike`: the sharers need the same.
  uint64_t allowed(bool alike) const noexcept;
};

// How many processes are to be expected in the cache of a pass that began `since` ago. Ranks begin
// together, and what the first of them fetches ahead would be in the way of the others: so for ten
// seconds all are taken to be there that may be on this machine. Then it is told by who is.
uint64_t expected_sharers(const LoaderOptions& options, std::chrono::nanoseconds since) noexcept;

// What a pass needs at the same time, at most, and how often it begins to need something.
struct ShardDemand {
  uint64_t shards = 0;  // of one batch
  uint64_t bytes = 0;   // of these, as they count in the cache
  uint64_t uses = 0;    // of shards, in the whole pass
};

// The demand of uses by batches of `span` positions each from `start` on. Looks at no more than
// 65,536 uses, and takes the rest of the pass to be like them. Requires: span > 0, start < end.
ShardDemand demand_of(ShardUses& uses, uint64_t start, uint64_t span, uint64_t end,
                      const std::function<uint64_t(uint64_t)>& charge);

// Throws kInvalid where the batches of a pass cannot be made in that room, or where the same shards
// would be downloaded again and again: as by shuffle=True of more than there is room for. Does
// nothing for a pass without batches. Not for listed ones.
void check_shard_room(const std::shared_ptr<const BatchOrder>& order,
                      const std::shared_ptr<const RowShards>& shards, const PassRoom& room);

}  // namespace headrace
