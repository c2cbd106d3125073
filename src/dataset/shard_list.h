#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "dataset/lazy_objects.h"
#include "dataset/shard_file.h"
#include "dataset/source.h"
#include "format/manifest.h"

namespace headrace {

// The source of record batch `batch` of shard `shard`, its rows [first_row, first_row + rows).
using MakeShardSource = std::function<std::unique_ptr<const Source>(
    size_t shard, size_t batch, uint64_t first_row, uint64_t rows)>;

// The record batches of a version's shards, in row order. Their sources are made when they are
// first asked for: there may be a million shards, and a process that reads few of them. Thread-safe
// without a lock.
class ShardList {
 public:
  // `bytes_of` says how many bytes a shard has at most, of which a manifest may say anything.
  // Throws kCorrupt for shards with more record batches than their bytes can hold; kInvalid for
  // 2^32 record batches or more. Requires: `shards` are those of `set`.
  ShardList(std::shared_ptr<const ShardSet> set, std::shared_ptr<const ShardTable> shards,
            const std::function<uint64_t(size_t shard)>& bytes_of, MakeShardSource make);

  // How many record batches there are.
  uint64_t size() const noexcept { return sources_->size(); }

  // How many rows they have together.
  uint64_t rows() const noexcept { return rows_; }

  // The rows of each.
  std::vector<uint64_t> row_counts() const;

  // The source of record batch `number`, which lives as long as the list. Throws std::bad_alloc.
  // Here and below, requires: number < size().
  const Source& source(uint64_t number) const;

  // The same, or nullptr before it was first asked for.
  const Source* made(uint64_t number) const noexcept { return sources_->made(number); }

  ShardPlace place(uint64_t number) const noexcept { return {set_.get(), shard_of(number)}; }

  // The first record batch of the shard behind that of `number`.
  uint64_t shard_end(uint64_t number) const noexcept {
    return first_batches_[shard_of(number) + 1];
  }

  // About how many bytes all rows of a column with offsets take.
  uint64_t variable_bytes() const noexcept { return variable_bytes_; }

 private:
  size_t shard_of(uint64_t number) const noexcept;

  std::shared_ptr<const ShardSet> set_;
  std::shared_ptr<const ShardTable> shards_;
  MakeShardSource make_;
  std::vector<uint32_t> first_batches_;  // of each shard, and the number of batches at the end
  uint64_t rows_ = 0;
  uint64_t variable_bytes_ = 0;
  std::unique_ptr<const LazyObjects<Source>> sources_;
};

}  // namespace headrace
