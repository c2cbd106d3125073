#include "dataset/shard_list.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/checked.h"
#include "base/error.h"

namespace headrace {
namespace {

// A record batch takes more than this in a file, for its metadata alone.
constexpr uint64_t kLeastBatchBytes = 64;

// A shard with more record batches is looked at before they are listed: a manifest may say anything
// of its size.
constexpr uint64_t kManyBatches = 4096;

// So are shards when they have more together, which many small claims may add up to: so many, and
// so many more for each shard, which a manifest pays for by an entry.
constexpr uint64_t kManyPieces = uint64_t{1} << 18;
constexpr uint64_t kPiecesPerShard = 4;

// Throws where a shard cannot hold its record batches; `before` is how many those before it have.
void check_batches(const ShardSet& set, size_t shard, uint64_t batches, uint64_t before,
                   const std::function<uint64_t(size_t shard)>& bytes_of) {
  if (batches > kManyBatches || before + batches > kManyPieces + kPiecesPerShard * (shard + 1)) {
    const uint64_t bytes = bytes_of(shard);
    if (batches > bytes / kLeastBatchBytes) {
      throw Error(ErrorCode::kCorrupt,
                  set.path(shard) + " cannot hold " + std::to_string(batches) +
                      " record batches, as is said of it, in " + std::to_string(bytes) + " bytes",
                  {.file = set.path(shard), .column = ""});
    }
  }
  if (batches >= UINT32_MAX - before) {
    throw Error(ErrorCode::kInvalid,
                "a dataset has fewer than 2^32 record batches; found more in the shards up to " +
                    set.path(shard) + "; write larger ones",
                {.file = set.path(shard), .column = ""});
  }
}

uint64_t batches_of(const ShardTable& shards, size_t shard) noexcept {
  return (shards.rows[shard] - 1) / shards.batch_rows[shard] + 1;
}

}  // namespace

ShardList::ShardList(std::shared_ptr<const ShardSet> set, std::shared_ptr<const ShardTable> shards,
                     const std::function<uint64_t(size_t shard)>& bytes_of, MakeShardSource make)
    : set_(std::move(set)), shards_(std::move(shards)), make_(std::move(make)) {
  first_batches_.reserve(shards_->size() + 1);
  first_batches_.push_back(0);
  for (size_t shard = 0; shard < shards_->size(); ++shard) {
    const uint64_t before = first_batches_.back();
    const uint64_t batches = batches_of(*shards_, shard);
    check_batches(*set_, shard, batches, before, bytes_of);
    first_batches_.push_back(static_cast<uint32_t>(before + batches));
    rows_ += shards_->rows[shard];
    variable_bytes_ = saturating_add(
        variable_bytes_, set_->variable_bytes(shards_->read_bytes(shard), shards_->rows[shard]));
  }
  sources_ = std::make_unique<const LazyObjects<Source>>(first_batches_.back());
}

std::vector<uint64_t> ShardList::row_counts() const {
  std::vector<uint64_t> counts;
  counts.reserve(size() + 1);  // RowIndex makes sums of them, of which there is one more
  for (size_t shard = 0; shard < shards_->size(); ++shard) {
    uint64_t left = shards_->rows[shard];
    while (left > 0) {
      counts.push_back(std::min(left, shards_->batch_rows[shard]));
      left -= counts.back();
    }
  }
  return counts;
}

size_t ShardList::shard_of(uint64_t number) const noexcept {
  const auto behind = std::upper_bound(first_batches_.begin(), first_batches_.end(), number);
  return static_cast<size_t>(behind - first_batches_.begin()) - 1;
}

const Source& ShardList::source(uint64_t number) const {
  return sources_->get(number, [&] {
    const size_t shard = shard_of(number);
    const uint64_t batch = number - first_batches_[shard];
    const uint64_t first = batch * shards_->batch_rows[shard];
    return make_(shard, batch, first,
                 std::min(shards_->batch_rows[shard], shards_->rows[shard] - first));
  });
}

}  // namespace headrace
