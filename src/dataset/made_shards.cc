#include "dataset/made_shards.h"

#include <algorithm>
#include <utility>

#include "base/checked.h"
#include "format/batch_layout.h"

namespace headrace {
namespace {

// What the metadata of an Arrow file take at most: of the file, for each of its columns, and for
// each of these in a record batch. What is too much is given back when the shard is there.
constexpr uint64_t kFileMetadata = 16 << 10;
constexpr uint64_t kColumnMetadata = 2 << 10;
constexpr uint64_t kNameCopies = 4;  // of a column's name
constexpr uint64_t kBatchMetadata = 1 << 10;
constexpr uint64_t kBatchColumnMetadata = 512;

// Rows of other shards may be larger than those that were seen by so much.
constexpr uint64_t with_reserve(uint64_t bytes) noexcept {
  return saturating_add(bytes, bytes / 4);
}

void raise(std::atomic<uint64_t>& known, uint64_t value) noexcept {
  uint64_t found = known.load(std::memory_order_relaxed);
  while (found < value && !known.compare_exchange_weak(found, value, std::memory_order_relaxed)) {
  }
}

}  // namespace

MadeShards::MadeShards(const Schema& schema, std::vector<Shard> shards, const Seen& seen,
                       uint64_t most)
    : shards_(std::move(shards)),
      bytes_(shards_.size()),
      file_overhead_(kFileMetadata),
      batch_overhead_(kBatchMetadata),
      seen_row_bytes_(seen.row_bytes),
      seen_bytes_(seen.bytes),
      most_(most) {
  for (size_t i = 0; i < shards_.size(); ++i) {
    const uint64_t told = shards_[i].bytes;
    bytes_[i].store(told <= most_ ? told : 0, std::memory_order_relaxed);
  }
  for (const Field& field : schema) {
    all_tensors_ = all_tensors_ && field.is_tensor();
    tensor_row_bytes_ += field.is_tensor() ? field.row_bytes() : 0;
    file_overhead_ += kColumnMetadata + kNameCopies * field.name.size();
    batch_overhead_ += kBatchColumnMetadata;
  }
}

uint64_t MadeShards::most_bytes(size_t shard) const noexcept {
  const uint64_t known = bytes_[shard].load(std::memory_order_relaxed);
  return known > 0 ? known : std::min(estimate(shards_[shard]), most_);
}

uint64_t MadeShards::least_bytes(size_t shard) const noexcept {
  const uint64_t known = bytes_[shard].load(std::memory_order_relaxed);
  const uint64_t least = saturating_mul(shards_[shard].rows, tensor_row_bytes_);
  return known > 0 ? known : std::max<uint64_t>(least, 1);
}

MadeShards::Seen MadeShards::seen() const noexcept {
  return {.row_bytes = seen_row_bytes_.load(std::memory_order_relaxed),
          .bytes = seen_bytes_.load(std::memory_order_relaxed)};
}

// At most; `of_batch` for each record batch.
uint64_t MadeShards::metadata_bytes(uint64_t rows, uint64_t batch_rows,
                                    uint64_t of_batch) const noexcept {
  const uint64_t batches = (rows - 1) / batch_rows + 1;
  return saturating_add(file_overhead_, saturating_mul(batches, of_batch));
}

uint64_t MadeShards::estimate(const Shard& shard) const noexcept {
  if (shard.rows == 0) {
    return saturating_add(with_reserve(seen_bytes_.load(std::memory_order_relaxed)),
                          file_overhead_);
  }
  const uint64_t row_bytes =
      all_tensors_ ? tensor_row_bytes_
                   : std::max(with_reserve(seen_row_bytes_.load(std::memory_order_relaxed)),
                              tensor_row_bytes_);
  const bool large = saturating_mul(shard.batch_rows, row_bytes) >= kLargeBody;
  const uint64_t of_batch = batch_overhead_ + (large ? kLargeBodyAlignment : 0);
  return saturating_add(saturating_mul(shard.rows, row_bytes),
                        metadata_bytes(shard.rows, shard.batch_rows, of_batch));
}

void MadeShards::learn(size_t shard, uint64_t rows, uint64_t bytes) noexcept {
  bytes_[shard].store(bytes, std::memory_order_relaxed);
  raise(seen_bytes_, bytes);
  if (rows > 0) {
    // Of a shard with few rows they are nearly all of its file.
    const uint64_t metadata = metadata_bytes(rows, shards_[shard].batch_rows, batch_overhead_);
    raise(seen_row_bytes_, bytes > metadata ? (bytes - metadata - 1) / rows + 1 : 0);
  }
}

}  // namespace headrace
