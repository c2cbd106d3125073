#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "engine/part_pools.h"

namespace headrace {

// A batch whose rows the user has named, and memory for it.
struct RowList {
  std::vector<uint64_t> rows;
  SlotPools pools;
};

// The batches that a consumer has named and no worker has begun, by number. Thread-safe.
class RowLists {
 public:
  void put(uint64_t number, RowList list);

  // Copies the rows of a batch; false if it is not there: not named yet, or begun.
  bool look(uint64_t number, std::vector<uint64_t>& rows) const;

  // Requires: put(number) came before, and no take(number).
  RowList take(uint64_t number);

 private:
  mutable std::mutex mutex_;
  std::unordered_map<uint64_t, RowList> lists_;
};

// Pools for batches of any size, made when they are first needed: one for each column and power of
// two, so that a batch takes at most twice its memory; columns whose rows have any size have their
// PartPools. Used by one thread at a time.
class SizedPools {
 public:
  // A column's rows have row_bytes[c] bytes, 0 for any size; each pool keeps up to `kept` free
  // buffers.
  SizedPools(std::vector<uint64_t> row_bytes, size_t kept);

  // One pool for each column whose buffers hold `rows` rows. Throws kInvalid beyond 64 bits, and
  // before the first batch of a size that needs more memory than there is.
  // Requires: rows > 0.
  const SlotPools& of(uint64_t rows);

 private:
  std::vector<uint64_t> row_bytes_;
  size_t kept_;
  std::vector<std::shared_ptr<PartPools>> parts_;  // by column; null where rows have one size
  std::vector<SlotPools> pools_;                   // by the exponent
};

}  // namespace headrace
