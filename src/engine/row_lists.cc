#include "engine/row_lists.h"

#include <bit>
#include <memory>
#include <string>
#include <utility>

#include "base/checked.h"
#include "dataset/memory_limit.h"

namespace headrace {

void RowLists::put(uint64_t number, RowList list) {
  const std::lock_guard lock(mutex_);
  lists_.emplace(number, std::move(list));
}

bool RowLists::look(uint64_t number, std::vector<uint64_t>& rows) const {
  const std::lock_guard lock(mutex_);
  const auto found = lists_.find(number);
  if (found == lists_.end()) {
    return false;
  }
  rows = found->second.rows;
  return true;
}

RowList RowLists::take(uint64_t number) {
  const std::lock_guard lock(mutex_);
  return std::move(lists_.extract(number).mapped());
}

SizedPools::SizedPools(std::vector<uint64_t> row_bytes, size_t kept)
    : row_bytes_(std::move(row_bytes)), kept_(kept), pools_(64) {
  for (const uint64_t bytes : row_bytes_) {
    parts_.push_back(bytes == 0 ? std::make_shared<PartPools>(kept_) : nullptr);
  }
}

const SlotPools& SizedPools::of(uint64_t rows) {
  const auto exponent = static_cast<size_t>(std::bit_width(rows - 1));
  SlotPools& pools = pools_.at(exponent);
  if (pools.empty()) {
    SlotPools fresh;
    uint64_t wanted = 0;
    for (size_t c = 0; c < row_bytes_.size(); ++c) {
      if (parts_[c] != nullptr) {
        fresh.push_back({.parts = parts_[c]});
        continue;
      }
      const uint64_t bytes =
          checked_mul(uint64_t{1} << exponent, row_bytes_[c], "bytes of a batch");
      fresh.push_back({.rows = std::make_shared<SlotPool>(bytes, kept_)});
      wanted = saturating_add(wanted, rows * row_bytes_[c]);
    }
    check_memory(wanted, "a batch of " + std::to_string(rows) + " rows");
    pools = std::move(fresh);
  }
  return pools;
}

}  // namespace headrace
