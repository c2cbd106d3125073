#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dataset/dataset.h"
#include "dataset/remote_shards.h"

namespace headrace {

// Which shards of one store the rows of a dataset lie in, in any of its columns. Rows that are in
// the order of their files, also as views show them, are kept as runs, 16 bytes a run, and others
// are looked up. Immutable; thread-safe.
class RowShards {
 public:
  // A run of rows of one shard.
  struct Run {
    uint64_t end = 0;    // of its rows; it begins where the one before it ends
    uint64_t shard = 0;  // kElsewhere where the rows are not of this store
  };
  static constexpr uint64_t kElsewhere = UINT64_MAX;

  // Memory of the look-ups, kept from call to call; one per thread.
  using Workspace = RowSpace::Workspace;

  // Takes O(pieces). Requires: both outlive it.
  RowShards(const Dataset& dataset, const RemoteShards& store);

  const RemoteShards& store() const noexcept { return *store_; }

  // Whether all rows are in the order of their files; runs() says all then.
  bool in_order() const noexcept { return spaces_.empty(); }

  // The runs of each group of columns whose rows are in order.
  const std::vector<std::vector<Run>>& runs() const noexcept { return runs_; }

  // The shards of rows [first, first + rows), each once, in increasing order.
  // Requires: they exist.
  std::vector<uint64_t> of_range(uint64_t first, uint64_t rows, Workspace& space) const;

  // The same for any rows.
  std::vector<uint64_t> of_rows(std::span<const uint64_t> rows, Workspace& space) const;

  // All shards that some row of the dataset may lie in; more than that where rows were chosen.
  std::vector<uint64_t> all() const;

 private:
  void add_space(const RowSpacePtr& space);
  uint64_t shard_of(const ShardPlace& place) const noexcept;
  static void add_run(std::vector<Run>& runs, uint64_t rows, uint64_t shard);
  void look_up(const RowSpace& of, std::span<const uint64_t> rows, Workspace& space,
               std::vector<uint64_t>& shards) const;

  const RemoteShards* store_;
  std::vector<RowSpacePtr> all_spaces_;  // that have rows of the store
  std::vector<std::vector<Run>> runs_;   // of those that are in order
  std::vector<RowSpacePtr> spaces_;      // those that are not
};

}  // namespace headrace
