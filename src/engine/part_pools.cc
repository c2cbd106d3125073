#include "engine/part_pools.h"

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

#include "base/buffer.h"

namespace headrace {

uint64_t BatchColumn::bytes() const noexcept {
  uint64_t sum = 0;
  for (const Part& part : parts_) {
    sum += part.bytes;
  }
  return sum;
}

PartPools::~PartPools() {
  for (auto& sizes : pools_) {
    for (std::atomic<const PoolPtr*>& pool : sizes) {
      delete pool.load(std::memory_order_acquire);
    }
  }
}

size_t PartPools::exponent_of(uint64_t bytes) noexcept {
  return static_cast<size_t>(std::bit_width(std::max<uint64_t>(bytes, kBufferAlignment) - 1));
}

bool PartPools::knows(ColumnPart part, uint64_t bytes) const noexcept {
  const size_t exponent = exponent_of(bytes);
  return exponent < kSizes &&
         pools_[static_cast<size_t>(part)][exponent].load(std::memory_order_acquire) != nullptr;
}

Slot PartPools::acquire(ColumnPart part, uint64_t bytes) {
  const size_t exponent = exponent_of(bytes);
  if (exponent >= kSizes) {
    throw std::bad_alloc();
  }
  std::atomic<const PoolPtr*>& place = pools_[static_cast<size_t>(part)][exponent];
  const PoolPtr* pool = place.load(std::memory_order_acquire);
  if (pool == nullptr) {
    auto fresh =
        std::make_unique<const PoolPtr>(std::make_shared<SlotPool>(uint64_t{1} << exponent, kept_));
    if (place.compare_exchange_strong(pool, fresh.get(), std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
      pool = fresh.release();
    }
  }
  return (*pool)->acquire();
}

Slot ColumnPools::acquire(ColumnPart part, uint64_t bytes) const {
  return rows != nullptr ? rows->acquire() : parts->acquire(part, bytes);
}

}  // namespace headrace
