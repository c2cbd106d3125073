#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "dataset/dataset.h"

namespace headrace {

class Reader;

// Reads rows of a stack: some rows of all members at a time, which then stay in the cache, and from
// there side by side to their place. Keeps its scratch memory between calls: one per thread, not
// shared.
class StackReader {
 public:
  // For the stack of the columns of `members`. `before_wait`: as Reader's.
  explicit StackReader(const DatasetPtr& members, std::function<void()> before_wait = {});
  ~StackReader();

  // Copies the rows to `out`. Asks the kernel for coming rows while it copies those before them,
  // but for the first `asked` rows. Calls `poll` as Reader::read_cold does. Throws as Reader::read.
  void read(std::span<const uint64_t> rows, std::byte* out, uint64_t asked,
            const std::function<void()>& poll);

  void check_files() const;

  // As those of Reader.
  void drop_retired();
  void drop_held();

 private:
  DatasetPtr members_;
  std::unique_ptr<Reader> reader_;
  uint64_t member_bytes_;  // of a row of one member
  uint64_t chunk_rows_;
  std::vector<std::byte> memory_;  // a chunk of each member, one after another
  std::vector<std::byte*> outs_;
  std::vector<const std::byte*> starts_;
};

}  // namespace headrace
