#include "dataset/row_locator.h"

#include <algorithm>

namespace headrace {
namespace {

constexpr uint64_t kMostRuns = uint64_t{1} << 16;  // 1.5 MiB; of rows that may take many runs

uint64_t most_rows_at_once(const RowSpace& space) {
  if (space.stored_rows() == 1) {
    return UINT64_MAX;
  }
  return std::clamp<uint64_t>(kMostRuns / space.most_runs(), 1, UINT32_MAX / space.stored_rows());
}

}  // namespace

void RowLocator::start(std::span<const uint64_t> rows) {
  rows_ = rows;
  mapped_by_ = nullptr;
}

RowLocator::Part RowLocator::locate(uint32_t group, uint64_t done) {
  const RowSpace& top = *dataset_.groups()[group];
  const RowSpace& space = top.top_map() == nullptr ? top : *top.inner();
  const std::span<const uint64_t> rows = below_map(top);
  const uint64_t count = std::min<uint64_t>(most_rows_at_once(space), rows.size() - done);
  return {count, space.locate(rows.subspan(done, count), space_)};
}

// The rows below the map on top of `space`, if there is one. Views over several groups have one map
// on top of all of them: it is applied once.
std::span<const uint64_t> RowLocator::below_map(const RowSpace& space) {
  const RowMap* map = space.top_map();
  if (map == nullptr) {
    return rows_;
  }
  if (map != mapped_by_) {
    mapped_rows_.assign(rows_.begin(), rows_.end());
    apply_map(*map, mapped_rows_);
    mapped_by_ = map;
  }
  return mapped_rows_;
}

}  // namespace headrace
