#include "engine/slot_pool.h"

#include <utility>

#include "base/buffer.h"

namespace headrace {

Slot::~Slot() {
  if (data_ != nullptr) {
    pool_->release(data_);
  }
}

Slot::Slot(Slot&& other) noexcept
    : pool_(std::move(other.pool_)), data_(std::exchange(other.data_, nullptr)) {}

Slot& Slot::operator=(Slot&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(data_, other.data_);
  return *this;
}

SlotPool::SlotPool(uint64_t bytes, size_t kept) : bytes_(bytes), free_(kept) {}

SlotPool::~SlotPool() {
  for (std::atomic<std::byte*>& slot : free_) {
    free_aligned(slot.load(std::memory_order_acquire));
  }
}

Slot SlotPool::acquire() {
  for (std::atomic<std::byte*>& slot : free_) {
    if (slot.load(std::memory_order_relaxed) != nullptr) {
      if (std::byte* data = slot.exchange(nullptr, std::memory_order_acquire)) {
        return Slot(shared_from_this(), data);
      }
    }
  }
  return Slot(shared_from_this(), allocate_aligned(bytes_));
}

void SlotPool::release(std::byte* data) noexcept {
  for (std::atomic<std::byte*>& slot : free_) {
    std::byte* empty = nullptr;
    if (slot.compare_exchange_strong(empty, data, std::memory_order_release,
                                     std::memory_order_relaxed)) {
      return;
    }
  }
  free_aligned(data);
}

}  // namespace headrace
