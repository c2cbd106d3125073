#pragma once

#include <cstdint>
#include <span>
#include <variant>

#include "order/key.h"
#include "order/permutation.h"
#include "order/unit_table.h"
#include "order/window_shuffle.h"

namespace headrace {

// Which row comes when, as a user asks for it.
struct Shuffle {
  enum class Kind : uint8_t { kSequential, kExact, kBlocks, kShards };

  Kind kind = Kind::kSequential;
  uint64_t block_rows = 0;       // kBlocks only
  uint64_t window = 0;           // kBlocks and kShards: units open at once, in each lane
  uint64_t lanes = 0;            // kShards only
  UnitTablePtr units = nullptr;  // kShards only: what the rows lie in
};

// Throws kInvalid for zero rows, and for a window shuffle of zero blocks, rows, lanes or units, of
// units with another number of rows, or of more than WindowShuffle::kMaxWindow open units.
void check_shuffle(uint64_t rows, const Shuffle& shuffle);

// A bijection from the positions of one epoch to the rows of a dataset.
//
// It depends on the number of rows, the shuffle, the seed and the epoch, and on nothing else: not
// on batch size, ranks or threads. Constant memory, but for 8 bytes a unit of a shard shuffle.
// Thread-safe: no state changes after construction.
class Order {
 public:
  using Workspace = WindowShuffle::Workspace;  // one per thread, reused

  // Throws what check_shuffle() throws.
  Order(uint64_t rows, const Shuffle& shuffle, OrderKey key);

  uint64_t rows() const noexcept { return rows_; }

  // Rows at positions first, first + stride, ...: as many as `out` has room for.
  // Requires: stride > 0 and every position < rows().
  void take(uint64_t first, uint64_t stride, std::span<uint64_t> out, Workspace& space) const;

  // Whether rows come in their own order.
  bool sequential() const noexcept { return std::holds_alternative<std::monostate>(shuffle_); }

  // The shuffle of blocks or shards that this is, or nullptr.
  const WindowShuffle* window() const noexcept { return std::get_if<WindowShuffle>(&shuffle_); }

 private:
  uint64_t rows_;
  std::variant<std::monostate, Permutation, WindowShuffle> shuffle_;
};

}  // namespace headrace
