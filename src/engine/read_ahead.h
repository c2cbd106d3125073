#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <vector>

#include "dataset/extents.h"
#include "storage/open_files.h"

namespace headrace {

// Reads extents into the page cache from end to end, in one round that can be interrupted: some
// megabytes are always on their way, so that the device never waits, and no more, so that other
// requests do not wait long behind them.
class ReadAhead {
 public:
  // Begins the round at share `start` of all bytes, 0 <= start < 1: processes that read the same
  // files begin at different places. `extents` must outlive this object.
  ReadAhead(const std::vector<Extent>& extents, double start);

  // Reads until the round is over, or soon after `go_on` has become false; adds what was read to
  // `bytes`. Returns whether the round is over. Files that cannot be read are left to whoever needs
  // their rows.
  bool run(const std::atomic<bool>& go_on, std::atomic<uint64_t>& bytes);

 private:
  struct Chunk {
    const StoredRows* rows;
    uint64_t offset;
    uint64_t bytes;
  };

  bool next_chunk(Chunk& chunk);
  void wait_for(const Chunk& chunk);
  uint64_t under_way_limit() const noexcept;

  const std::vector<Extent>& extents_;
  size_t extent_ = 0;    // where the next chunk begins
  uint64_t offset_ = 0;  // in that extent
  uint64_t total_;       // bytes of the round
  uint64_t left_;        // bytes of the round that no chunk holds yet
  std::deque<Chunk> under_way_;
  uint64_t bytes_under_way_ = 0;
  OpenFiles files_;
};

}  // namespace headrace
