#include "order/unit_line.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

#include "base/hash.h"

namespace headrace {
namespace {

// Where each place begins. The line is made a stretch at a time: a permutation is several times
// faster in batches.
std::vector<uint64_t> begins_of(const UnitTable& table, const Permutation& line) {
  constexpr uint64_t kStretch = 1024;
  std::vector<uint64_t> begins(table.units() + 1);
  uint64_t sum = 0;
  for (uint64_t first = 0; first < table.units(); first += kStretch) {
    const uint64_t count = std::min(kStretch, table.units() - first);
    const std::span<uint64_t> places = std::span(begins).subspan(first, count);
    std::iota(places.begin(), places.end(), first);
    line.map(places);
    for (uint64_t& place : places) {
      const uint64_t rows = table.rows_of(place);
      place = sum;
      sum += rows;
    }
  }
  begins.back() = sum;
  return begins;
}

}  // namespace

UnitLine::UnitLine(uint64_t rows, uint64_t block_rows, uint64_t key)
    : rows_(rows),
      units_((rows - 1) / std::min(block_rows, rows) + 1),
      line_(units_, key),
      block_rows_(std::min(block_rows, rows)),
      tail_rows_(rows - (units_ - 1) * block_rows_),
      tail_place_(line_.inverse(units_ - 1)) {}

UnitLine::UnitLine(UnitTablePtr table, uint64_t key)
    : rows_(table->rows()),
      units_(table->units()),
      line_(units_, key),
      table_(std::move(table)),
      begins_(begins_of(*table_, line_)) {}

uint64_t UnitLine::place_of(uint64_t row) const noexcept {
  if (table_ != nullptr) {
    const auto after = std::upper_bound(begins_.begin(), begins_.end(), row);
    return static_cast<uint64_t>(after - begins_.begin()) - 1;
  }
  const uint64_t tail_begin = tail_place_ * block_rows_;
  if (row < tail_begin + tail_rows_) {
    return std::min(row / block_rows_, tail_place_);
  }
  return tail_place_ + 1 + (row - tail_begin - tail_rows_) / block_rows_;
}

UnitLine::Unit UnitLine::unit(uint64_t place) const noexcept {
  const uint64_t number = line_(place);
  if (table_ != nullptr) {
    return {number, table_->first_row(number), table_->rows_of(number)};
  }
  return {number, number * block_rows_, place == tail_place_ ? tail_rows_ : block_rows_};
}

uint64_t UnitLine::digest() const noexcept {
  return table_ != nullptr ? table_->digest() : hash_words({rows_, block_rows_});
}

}  // namespace headrace
