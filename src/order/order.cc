#include "order/order.h"

#include <algorithm>
#include <string>

#include "base/error.h"

namespace headrace {

namespace {

// A window beyond the `units` that there are is cut to them.
void check_open_units(uint64_t units, uint64_t window, uint64_t lanes, const char* advice) {
  if (std::min(window, units) > WindowShuffle::kMaxWindow / lanes) {
    throw Error(ErrorCode::kInvalid,
                "at most " + std::to_string(WindowShuffle::kMaxWindow) +
                    " units are open at once; found a window of " + std::to_string(window) +
                    (lanes == 1 ? "" : " in each of " + std::to_string(lanes) + " lanes") + "; " +
                    advice);
  }
}

void check_blocks(uint64_t rows, const Shuffle& shuffle) {
  if (shuffle.block_rows == 0 || shuffle.window == 0) {
    throw Error(ErrorCode::kInvalid, "block_rows and window must be at least 1; found " +
                                         std::to_string(shuffle.block_rows) + " and " +
                                         std::to_string(shuffle.window));
  }
  const uint64_t blocks = (rows - 1) / std::min(shuffle.block_rows, rows) + 1;
  check_open_units(blocks, shuffle.window, 1,
                   "use larger blocks, or shuffle=True, which mixes all rows");
}

void check_shards(uint64_t rows, const Shuffle& shuffle) {
  if (shuffle.window == 0 || shuffle.lanes == 0) {
    throw Error(ErrorCode::kInvalid, "window and lanes must be at least 1; found " +
                                         std::to_string(shuffle.window) + " and " +
                                         std::to_string(shuffle.lanes));
  }
  if (shuffle.units == nullptr || shuffle.units->rows() != rows) {
    const std::string found =
        shuffle.units == nullptr ? "none" : "units of " + std::to_string(shuffle.units->rows());
    throw Error(ErrorCode::kInvalid, "a shard shuffle of " + std::to_string(rows) +
                                         " rows needs units that hold them; found " + found);
  }
  if (shuffle.lanes > WindowShuffle::kMaxWindow) {
    throw Error(ErrorCode::kInvalid,
                "lanes must be at most " + std::to_string(WindowShuffle::kMaxWindow) + "; found " +
                    std::to_string(shuffle.lanes) + "; use as many as there are ranks");
  }
  check_open_units(shuffle.units->units(), shuffle.window, shuffle.lanes,
                   "use a smaller window or fewer lanes, or shuffle=True, which mixes all rows");
}

}  // namespace

void check_shuffle(uint64_t rows, const Shuffle& shuffle) {
  if (rows == 0) {
    throw Error(ErrorCode::kInvalid, "an order needs at least one row; found 0");
  }
  if (shuffle.kind == Shuffle::Kind::kBlocks) {
    check_blocks(rows, shuffle);
  } else if (shuffle.kind == Shuffle::Kind::kShards) {
    check_shards(rows, shuffle);
  }
}

Order::Order(uint64_t rows, const Shuffle& shuffle, OrderKey key) : rows_(rows) {
  check_shuffle(rows, shuffle);
  switch (shuffle.kind) {
    case Shuffle::Kind::kSequential:
      break;
    case Shuffle::Kind::kExact:
      shuffle_.emplace<Permutation>(rows, key.derive(Purpose::kRows));
      break;
    case Shuffle::Kind::kBlocks:
      shuffle_.emplace<WindowShuffle>(rows, shuffle.block_rows, shuffle.window, key);
      break;
    case Shuffle::Kind::kShards:
      shuffle_.emplace<WindowShuffle>(shuffle.units, shuffle.window, shuffle.lanes, key);
      break;
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
