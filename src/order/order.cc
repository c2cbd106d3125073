#include "order/order.h"

#include <algorithm>
#include <string>

#include "base/error.h"

namespace headrace {

Order::Order(uint64_t rows, const Shuffle& shuffle, OrderKey key) : rows_(rows) {
  if (rows == 0) {
    throw Error(ErrorCode::kInvalid, "an order needs at least one row; found 0");
  }
  if (shuffle.kind == Shuffle::Kind::kExact) {
    shuffle_.emplace<Permutation>(rows, key.derive(Purpose::kRows));
  } else if (shuffle.kind == Shuffle::Kind::kBlocks) {
    if (shuffle.block_rows == 0 || shuffle.window == 0) {
      throw Error(ErrorCode::kInvalid, "block_rows and window must be at least 1; found " +
                                           std::to_string(shuffle.block_rows) + " and " +
                                           std::to_string(shuffle.window));
    }
    const uint64_t blocks = (rows - 1) / std::min(shuffle.block_rows, rows) + 1;
    if (std::min(shuffle.window, blocks) > WindowShuffle::kMaxWindow) {
      throw Error(ErrorCode::kInvalid,
                  "window must be at most " + std::to_string(WindowShuffle::kMaxWindow) +
                      " blocks; found " + std::to_string(shuffle.window) +
                      "; use larger blocks, or shuffle=True, which mixes all rows");
    }
    shuffle_.emplace<WindowShuffle>(rows, shuffle.block_rows, shuffle.window, key);
  }
}

void Order::take(uint64_t first, uint64_t stride, std::span<uint64_t> out, Workspace& space) const {
  if (const auto* window = std::get_if<WindowShuffle>(&shuffle_)) {
    window->take(first, stride, out, space);
    return;
  }
  uint64_t position = first;
  for (uint64_t& row : out) {
    row = position;
    position += stride;
  }
  if (const auto* permutation = std::get_if<Permutation>(&shuffle_)) {
    permutation->map(out);
  }
}

}  // namespace headrace
