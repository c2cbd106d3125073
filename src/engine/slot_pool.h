#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace headrace {

class SlotPool;

// Memory for one column of one batch; goes back to its pool when the last owner lets go, on any
// thread.
class Slot {
 public:
  Slot() = default;
  Slot(std::shared_ptr<SlotPool> pool, std::byte* data) noexcept
      : pool_(std::move(pool)), data_(data) {}
  ~Slot();
  Slot(Slot&& other) noexcept;
  Slot& operator=(Slot&& other) noexcept;

  std::byte* data() const noexcept { return data_; }

 private:
  std::shared_ptr<SlotPool> pool_;
  std::byte* data_ = nullptr;
};

// The buffers of one column, all of one size, reused from batch to batch: memory fresh from the
// kernel costs more than filling it. Keeps at most `kept` free buffers and frees the rest, so that
// a user who keeps batches gets new memory and never a deadlock. Lock-free, so that a batch may be
// released on any thread, without the GIL, and in a forked child.
class SlotPool : public std::enable_shared_from_this<SlotPool> {
 public:
  // Requires: bytes > 0.
  SlotPool(uint64_t bytes, size_t kept);
  ~SlotPool();
  SlotPool(const SlotPool&) = delete;
  SlotPool& operator=(const SlotPool&) = delete;

  // A buffer of bytes() on a 64-byte boundary, contents undefined. Throws std::bad_alloc.
  Slot acquire();

  uint64_t bytes() const noexcept { return bytes_; }

 private:
  friend class Slot;
  void release(std::byte* data) noexcept;

  uint64_t bytes_;
  std::vector<std::atomic<std::byte*>> free_;
};

}  // namespace headrace
