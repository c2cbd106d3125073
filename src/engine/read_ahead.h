#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataset/extents.h"
#include "storage/bulk_load.h"

namespace headrace {

// Reads extents into the page cache from end to end, in one round that can be interrupted.
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

  Chunk next_chunk();
  void load(const Chunk& chunk);

  const std::vector<Extent>& extents_;
  size_t extent_ = 0;    // where the next chunk begins
  uint64_t offset_ = 0;  // in that extent
  uint64_t left_;        // bytes of the round that no chunk holds yet
  const StoredRows* open_ = nullptr;
  std::unique_ptr<BulkLoad> file_;  // of open_
};

}  // namespace headrace
