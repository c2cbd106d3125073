#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "column/column_view.h"
#include "engine/slot_pool.h"

namespace headrace {

// One column of a batch: memory for each part that it has. Of a tensor that is kValues alone.
class BatchColumn {
 public:
  struct Part {
    Slot slot;           // empty where the column has no such part
    uint64_t bytes = 0;  // of the slot that the batch fills
  };

  BatchColumn() = default;
  // Rows of one size.
  BatchColumn(Slot values, uint64_t bytes) {
    (*this)[ColumnPart::kValues] = {std::move(values), bytes};
  }

  Part& operator[](ColumnPart part) noexcept { return parts_[static_cast<size_t>(part)]; }
  const Part& operator[](ColumnPart part) const noexcept {
    return parts_[static_cast<size_t>(part)];
  }

  // Where a part begins; nullptr where there is none.
  std::byte* data(ColumnPart part) const noexcept { return (*this)[part].slot.data(); }

  // Of all parts.
  uint64_t bytes() const noexcept;

 private:
  std::array<Part, kColumnParts> parts_;
};

// Memory for the parts of one column whose batches differ in size: buffers of powers of two, so
// that a batch takes at most twice its memory, reused as those of SlotPool are. A part and size has
// a pool of its own, made by whichever thread needs it first. Lock-free, for SlotPool's reasons.
class PartPools {
 public:
  // Each pool keeps up to `kept` free buffers.
  explicit PartPools(size_t kept) : kept_(kept) {}
  ~PartPools();
  PartPools(const PartPools&) = delete;
  PartPools& operator=(const PartPools&) = delete;

  // A buffer of at least `bytes` bytes on a 64-byte boundary, contents undefined; it may outlive
  // these pools. Throws std::bad_alloc.
  Slot acquire(ColumnPart part, uint64_t bytes);

  // Whether a buffer of that size was ever asked for.
  bool knows(ColumnPart part, uint64_t bytes) const noexcept;

 private:
  static size_t exponent_of(uint64_t bytes) noexcept;
  static constexpr size_t kSizes = 63;  // powers of two up to 2^62

  using PoolPtr = std::shared_ptr<SlotPool>;

  size_t kept_;
  std::array<std::array<std::atomic<const PoolPtr*>, kSizes>, kColumnParts> pools_{};
};

// Where the memory of one column's batches comes from.
struct ColumnPools {
  std::shared_ptr<SlotPool> rows = nullptr;    // of a column whose rows have one size
  std::shared_ptr<PartPools> parts = nullptr;  // of any other

  // Requires: where there is `rows`, the values of no more rows than it was made for.
  Slot acquire(ColumnPart part, uint64_t bytes) const;
};

// The pools of one loader, one for each column.
using SlotPools = std::vector<ColumnPools>;

}  // namespace headrace
