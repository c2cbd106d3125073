#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "order/unit_table.h"

// Unit tables for the tests of window shuffles.
namespace headrace {

inline UnitTablePtr table_of(const std::vector<uint64_t>& unit_rows) {
  return std::make_shared<const UnitTable>(unit_rows);
}

// Up to 30 units of 0 to `most` rows, a third of them empty; at least one row.
inline std::vector<uint64_t> random_unit_rows(std::mt19937_64& random, uint64_t most) {
  std::vector<uint64_t> rows(1 + random() % 30);
  for (uint64_t& of_unit : rows) {
    of_unit = random() % 3 == 0 ? 0 : random() % (most + 1);
  }
  rows[random() % rows.size()] = std::max<uint64_t>(1, random() % (most + 1));
  return rows;
}

}  // namespace headrace
