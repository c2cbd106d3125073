#include "engine/read_ahead.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace headrace {
namespace {

// How much is read between two looks at whether to go on.
constexpr uint64_t kChunkBytes = uint64_t{2} << 20;

}  // namespace

ReadAhead::ReadAhead(const std::vector<Extent>& extents, double start)
    : extents_(extents),
      left_(
          std::accumulate(extents.begin(), extents.end(), uint64_t{0},
                          [](uint64_t sum, const Extent& extent) { return sum + extent.bytes; })) {
  uint64_t skip = std::min(left_, static_cast<uint64_t>(start * static_cast<double>(left_)));
  while (extent_ < extents_.size() && skip >= extents_[extent_].bytes) {
    skip -= extents_[extent_++].bytes;
  }
  extent_ = extent_ == extents_.size() ? 0 : extent_;
  offset_ = skip;
}

// Takes the next chunk, of one extent. Requires: left_ > 0.
ReadAhead::Chunk ReadAhead::next_chunk() {
  while (offset_ >= extents_[extent_].bytes) {
    extent_ = (extent_ + 1) % extents_.size();
    offset_ = 0;
  }
  const Extent& extent = extents_[extent_];
  const Chunk chunk = {.rows = extent.rows,
                       .offset = extent.offset + offset_,
                       .bytes = std::min({kChunkBytes, extent.bytes - offset_, left_})};
  offset_ += chunk.bytes;
  left_ -= chunk.bytes;
  return chunk;
}

void ReadAhead::load(const Chunk& chunk) {
  if (open_ != chunk.rows) {
    open_ = nullptr;
    file_ = std::make_unique<BulkLoad>(chunk.rows->path, chunk.rows->info);
    open_ = chunk.rows;
  }
  file_->load(chunk.offset, chunk.bytes);
}

bool ReadAhead::run(const std::atomic<bool>& go_on, std::atomic<uint64_t>& bytes) {
  while (left_ > 0 && go_on.load(std::memory_order_relaxed)) {
    const Chunk chunk = next_chunk();
    try {
      load(chunk);
      bytes.fetch_add(chunk.bytes, std::memory_order_relaxed);
    } catch (const Error&) {
      // The batch that needs a row of this file says what is wrong with it.
    }
  }
  return left_ == 0;
}

}  // namespace headrace
