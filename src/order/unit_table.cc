#include "order/unit_table.h"

#include <string>

#include "base/checked.h"
#include "base/error.h"
#include "base/hash.h"

namespace headrace {
namespace {

std::vector<uint64_t> running_sums(std::span<const uint64_t> unit_rows) {
  if (unit_rows.size() > UINT32_MAX) {
    throw Error(ErrorCode::kInvalid, "a shard shuffle has fewer than 2^32 units; found " +
                                         std::to_string(unit_rows.size()));
  }
  std::vector<uint64_t> sums{0};
  sums.reserve(unit_rows.size() + 1);
  for (const uint64_t rows : unit_rows) {
    sums.push_back(checked_add(sums.back(), rows, "rows of all units"));
  }
  if (sums.back() == 0) {
    throw Error(ErrorCode::kInvalid, "a shard shuffle needs at least one row; found 0 in " +
                                         std::to_string(unit_rows.size()) + " units");
  }
  return sums;
}

}  // namespace

UnitTable::UnitTable(std::span<const uint64_t> unit_rows)
    : first_rows_(running_sums(unit_rows)), digest_(hash_bytes(std::as_bytes(unit_rows))) {}

}  // namespace headrace
