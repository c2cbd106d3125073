#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace headrace {

class ShardWindow;

// What one pass over a remote dataset wants of its shards. Several passes may go on at the same
// time: a shard that several want comes once, in time for the first of them, and stays until the
// last has released it.
//
// Positions of the pass begin at 0, those of the pass after it at kLaterPass; kNoKnownUse is none.
// All calls throw kInvalid for a shard that is none. For one thread at a time; does nothing in a
// child of fork().
class ShardPass {
 public:
  // Of `length` positions.
  ShardPass(std::shared_ptr<ShardWindow> window, uint64_t length);

  // Releases what it still wants.
  ~ShardPass();
  ShardPass(const ShardPass&) = delete;
  ShardPass& operator=(const ShardPass&) = delete;

  // Wants a shard, whose next use is at `position`; or changes that position. Throws kInvalid for a
  // position of a later pass, or a shard larger than the cache; kCancelled after close() of the
  // store.
  void want(uint64_t shard, uint64_t position);

  // Has no use for the shard before `position`. Where no other pass wants it, it stays in the cache
  // while there is room, and pinned while somebody holds it; calls `retire` before, to let it go.
  void release(uint64_t shard, uint64_t position, const std::function<void()>& retire = {});

  // The position of the next use of a shard that it does not want yet: what is evicted depends on
  // it.
  void set_next_use(uint64_t shard, uint64_t position);

  // Has come to `position`: a pass that begins later counts from there.
  void advance(uint64_t position);

 private:
  bool is_foreign() const noexcept;

  std::shared_ptr<ShardWindow> window_;
  uint64_t number_;
};

}  // namespace headrace
