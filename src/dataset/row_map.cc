#include "dataset/row_map.h"

#include <cstring>

namespace headrace {
namespace {

void apply_one(const StepMap& map, std::span<uint64_t> rows) noexcept {
  for (uint64_t& row : rows) {
    row =
        map.start + row * static_cast<uint64_t>(map.step);  // modulo 2^64, right for negative steps
  }
}

void apply_one(const IndexMap& map, std::span<uint64_t> rows) noexcept {
  const std::byte* indices = map.indices.data();
  for (uint64_t& row : rows) {
    std::memcpy(&row, indices + row * sizeof(int64_t), sizeof(row));
  }
}

void apply_one(const PartMap& map, std::span<uint64_t> rows) noexcept {
  for (uint64_t& row : rows) {
    row = map.first ? map.partition.first(row) : map.partition.second(row);
  }
}

void apply_one(const SeriesMap& map, std::span<uint64_t> rows) noexcept {
  for (uint64_t& row : rows) {
    const uint64_t series = map.windows.part_of(row);
    row = map.first_rows[series] + (row - map.windows.first(series)) * map.stride;
  }
}

}  // namespace

bool keeps_neighbours(const RowMap& map) noexcept {
  constexpr int64_t kNear = 4;
  if (const auto* step = std::get_if<StepMap>(&map)) {
    return step->step >= -kNear && step->step <= kNear;
  }
  const auto* chosen = std::get_if<IndexMap>(&map);
  return chosen == nullptr || chosen->ascending;
}

void apply_map(const RowMap& map, std::span<uint64_t> rows) noexcept {
  std::visit([rows](const auto& kind) { apply_one(kind, rows); }, map);
}

}  // namespace headrace
