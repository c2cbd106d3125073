#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "engine/batch_order.h"
#include "engine/row_shards.h"

namespace headrace {

// A shard that a pass needs: no batch has rows of it at a position before `begin`, or from `end`
// on. Positions are those of the epoch, or, where the batches are listed, their numbers.
struct ShardUse {
  uint64_t shard = 0;
  uint64_t begin = 0;
  uint64_t end = 0;
  bool operator==(const ShardUse&) const = default;
};

// The uses that one pass makes of the shards of one store, by their begin. A shard may be used
// several times, also at once. Not shared between threads.
class ShardUses {
 public:
  ShardUses() = default;
  virtual ~ShardUses() = default;
  ShardUses(const ShardUses&) = delete;
  ShardUses& operator=(const ShardUses&) = delete;

  // The next one; nothing after the last, or where the next is not known yet.
  virtual std::optional<ShardUse> next() = 0;
};

// Those of a pass whose batches the plan makes. What comes before its first position is passed by,
// and so is a row that an empty tail repeats.
//
//   row order   a shard is used while its rows come
//   blocks,     while a unit is open that has rows of it
//   shards
//   all rows    from the first row of it to the end; known batch by batch, until all were used
//
// Where rows are not in the order of their files, row order is known batch by batch.
std::unique_ptr<ShardUses> uses_of_order(std::shared_ptr<const BatchOrder> order,
                                         std::shared_ptr<const RowShards> shards);

// Those of batches that are named while the pass runs: each for itself.
class ListedUses : public ShardUses {
 public:
  explicit ListedUses(std::shared_ptr<const RowShards> shards) : shards_(std::move(shards)) {}

  // Says which rows batch `number` has; from any thread. Requires: numbers grow.
  void name(uint64_t number, std::vector<uint64_t> rows);

  std::optional<ShardUse> next() override;

 private:
  std::shared_ptr<const RowShards> shards_;
  RowShards::Workspace space_;
  std::deque<ShardUse> pending_;
  std::mutex mutex_;  // over named_
  std::deque<std::pair<uint64_t, std::vector<uint64_t>>> named_;
};

}  // namespace headrace
