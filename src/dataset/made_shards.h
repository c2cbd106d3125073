#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "column/schema.h"

namespace headrace {

// Shards that no store has, since somebody makes them when they are wanted: what they are called,
// and how large they are. That is known of those that were here; of others it is told by their rows
// where all columns are tensors, and else by the largest that were seen, and somewhat more. What is
// not known is for taking room, and never a reason to refuse or to wait for more of it.
// Thread-safe, and without a lock, which a child of fork() would inherit.
class MadeShards {
 public:
  struct Shard {
    std::string name = {};    // as messages say it, and as the dataset's list of shards has it
    uint64_t rows = 0;        // 0: not known
    uint64_t batch_rows = 0;  // of every record batch but the last
    uint64_t bytes = 0;       // of its file; 0: not known
  };

  // What was seen of shards before, at most.
  struct Seen {
    uint64_t row_bytes = 0;  // of a row, without what a file has of metadata
    uint64_t bytes = 0;      // of a file
  };

  // `most`: no estimate is larger; what is learned may be. Sizes of `shards` that are larger count
  // as not known: whoever has them from a file may have them wrong. Requires: batch_rows > 0 in
  // all.
  MadeShards(const Schema& schema, std::vector<Shard> shards, const Seen& seen, uint64_t most);

  size_t size() const noexcept { return shards_.size(); }
  const std::string& name(size_t shard) const noexcept { return shards_[shard].name; }

  // How many bytes a shard's file has, or may have. More may turn out to be needed.
  uint64_t most_bytes(size_t shard) const noexcept;

  // How many it has, or has at least.
  uint64_t least_bytes(size_t shard) const noexcept;

  // Whether both are what its file has.
  bool is_known(size_t shard) const noexcept {
    return bytes_[shard].load(std::memory_order_relaxed) > 0;
  }

  // A shard of `rows` rows, 0 if that is not known, has turned out to have so many bytes.
  void learn(size_t shard, uint64_t rows, uint64_t bytes) noexcept;

  // What is known by now, for who comes later.
  Seen seen() const noexcept;

 private:
  uint64_t estimate(const Shard& shard) const noexcept;
  uint64_t metadata_bytes(uint64_t rows, uint64_t batch_rows, uint64_t of_batch) const noexcept;

  std::vector<Shard> shards_;  // but for their sizes
  std::vector<std::atomic<uint64_t>> bytes_;
  uint64_t tensor_row_bytes_ = 0;  // of a row
  bool all_tensors_ = true;        // there is nothing else in a row
  uint64_t file_overhead_ = 0;     // at most
  uint64_t batch_overhead_ = 0;
  std::atomic<uint64_t> seen_row_bytes_;
  std::atomic<uint64_t> seen_bytes_;
  uint64_t most_;
};

}  // namespace headrace
