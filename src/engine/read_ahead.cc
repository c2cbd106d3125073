#include "engine/read_ahead.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>

#include "base/error.h"

namespace headrace {
namespace {

constexpr uint64_t kChunkBytes = uint64_t{2} << 20;

// Bytes under way at the beginning and at the end of the round. While little is in memory most rows
// that are due are asked for one by one, and those requests must not wait behind long ones.
constexpr uint64_t kUnderWayFirst = uint64_t{4} << 20;
constexpr uint64_t kUnderWayLast = uint64_t{24} << 20;

}  // namespace

ReadAhead::ReadAhead(const std::vector<Extent>& extents, double start)
    : extents_(extents),
      total_(
          std::accumulate(extents.begin(), extents.end(), uint64_t{0},
                          [](uint64_t sum, const Extent& extent) { return sum + extent.bytes; })),
      left_(total_) {
  uint64_t skip = std::min(left_, static_cast<uint64_t>(start * static_cast<double>(left_)));
  while (extent_ < extents_.size() && skip >= extents_[extent_].bytes) {
    skip -= extents_[extent_++].bytes;
  }
  extent_ = extent_ == extents_.size() ? 0 : extent_;
  offset_ = skip;
}

// Takes the next chunk, of one extent; false when the round is over.
bool ReadAhead::next_chunk(Chunk& chunk) {
  if (left_ == 0) {
    return false;
  }
  while (offset_ >= extents_[extent_].bytes) {
    extent_ = (extent_ + 1) % extents_.size();
    offset_ = 0;
  }
  const Extent& extent = extents_[extent_];
  chunk = {.rows = extent.rows,
           .offset = extent.offset + offset_,
           .bytes = std::min({kChunkBytes, extent.bytes - offset_, left_})};
  offset_ += chunk.bytes;
  left_ -= chunk.bytes;
  return true;
}

// Returns when the last byte of `chunk` is in memory, which comes last.
void ReadAhead::wait_for(const Chunk& chunk) {
  std::array<std::byte, 1> last{};
  static_cast<void>(files_.get(chunk.rows->path, chunk.rows->info)
                        .read_some(chunk.offset + chunk.bytes - 1, last));
}

uint64_t ReadAhead::under_way_limit() const noexcept {
  const double done = 1 - static_cast<double>(left_) / static_cast<double>(total_);
  return kUnderWayFirst + static_cast<uint64_t>(done * (kUnderWayLast - kUnderWayFirst));
}

bool ReadAhead::run(const std::atomic<bool>& go_on, std::atomic<uint64_t>& bytes) {
  while (go_on.load(std::memory_order_relaxed)) {
    Chunk chunk{};
    const bool more = next_chunk(chunk);
    if (!more && under_way_.empty()) {
      return true;
    }
    try {
      if (more) {
        files_.get(chunk.rows->path, chunk.rows->info).will_need(chunk.offset, chunk.bytes);
        under_way_.push_back(chunk);
        bytes_under_way_ += chunk.bytes;
      }
      if (!more || bytes_under_way_ > under_way_limit()) {
        const Chunk oldest = under_way_.front();
        under_way_.pop_front();
        bytes_under_way_ -= oldest.bytes;
        wait_for(oldest);
        bytes.fetch_add(oldest.bytes, std::memory_order_relaxed);
      }
    } catch (const Error&) {
      // The batch that needs a row of this file says what is wrong with it.
    }
  }
  return false;
}

}  // namespace headrace
