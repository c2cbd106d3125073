#pragma once

#include <cstdint>
#include <span>

#include "order/order.h"

namespace headrace {

// What happens to the rows after the last full round of batches.
enum class Tail : uint8_t {
  kRepeat,  // dealt like the others; a rank that gets none repeats a row, so that all ranks have
            // equally many batches
  kDrop,    // left out
  kExact,   // dealt like the others; ranks may differ by one batch
};

// Which positions each batch of one rank holds. Pure integers.
//
// Positions count rows of the order. After a start at position p, round g holds the positions [p +
// g * B * W, p + (g + 1) * B * W), and in it rank r takes the positions that are r modulo W. So the
// order depends on neither batch size B nor world size W, and both may change between a stop and a
// resume.
//
// Processes that work for one rank share its batches by starting at different rounds and taking
// every n-th of them; what a batch holds does not change.
class Plan {
 public:
  struct Split {
    uint64_t batch_size = 1;  // per rank
    uint64_t world_size = 1;
    uint64_t rank = 0;
    Tail tail = Tail::kRepeat;
    uint64_t every = 1;  // takes the rounds 0, every, 2 * every, ... from the start
  };

  // Requires: start <= rows, batch_size and world_size > 0 with a product below 2^63, rank <
  // world_size, 0 < every < 2^31.
  Plan(uint64_t rows, uint64_t start, const Split& split);

  // Batches of this rank from `start` to the end of the epoch.
  uint64_t batches() const noexcept { return batches_; }

  // The position up to which the ranks together are done after `count` batches each, or, with
  // `every` above 1, the one where the next batch begins.
  uint64_t position_after(uint64_t count) const noexcept;

  // Whether the ranks together are done after batches() of this one: with kExact another may have
  // one more.
  bool complete() const noexcept;

  // No batch from `number` on has a position before this one, but for those that repeat a row; the
  // number of rows where there is no such batch.
  uint64_t begin_of(uint64_t number) const noexcept;

  // One batch: positions first, first + stride, ...: `count` of them, `repeated` of these to fill
  // up an empty tail.
  struct Batch {
    uint64_t first = 0;
    uint64_t stride = 1;
    uint64_t count = 0;
    uint64_t repeated = 0;
  };

  // Requires: number < batches().
  Batch batch(uint64_t number) const noexcept;

 private:
  uint64_t rows_;
  uint64_t start_;
  Split split_;
  uint64_t full_rounds_;
  uint64_t rounds_;  // with a batch of this rank
  uint64_t batches_;
};

}  // namespace headrace
