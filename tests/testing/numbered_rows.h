#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "testing/shards.h"

namespace headrace {

// One column "id" of int64, row i being the number i.
inline std::vector<ShardColumn> numbered_rows(uint64_t rows) {
  std::vector<int64_t> ids(rows);
  std::iota(ids.begin(), ids.end(), 0);
  const auto bytes = std::as_bytes(std::span(ids));
  ShardColumn column{.field = {.name = "id", .dtype = DType::kInt64}, .rows = rows};
  column.values.assign(bytes.begin(), bytes.end());
  return {column};
}

}  // namespace headrace
