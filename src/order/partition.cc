#include "order/partition.h"

#include <algorithm>

namespace headrace {
namespace {

__extension__ using Wide = unsigned __int128;

uint64_t high_word(uint64_t a, uint64_t b) noexcept {
  return static_cast<uint64_t>(static_cast<Wide>(a) * b >> 64);
}

// A keyed hash of `cell`: splitmix64's output function over its Weyl sequence.
uint64_t cell_hash(uint64_t key, uint64_t cell) noexcept {
  uint64_t z = key + cell * 0x9E3779B97F4A7C15U;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

}  // namespace

Partition::Partition(uint64_t rows, uint64_t first_rows, uint64_t key) noexcept
    : rows_(rows),
      first_rows_(first_rows),
      picks_(std::min(first_rows, rows - first_rows)),
      pick_first_(picks_ == first_rows),
      cell_rows_(0),
      cell_fraction_(0),
      cells_per_left_row_(0),
      key_(key) {
  if (picks_ > 0) {
    cell_rows_ = rows / picks_;
    cell_fraction_ = static_cast<uint64_t>((static_cast<Wide>(rows % picks_) << 64) / picks_);
    cells_per_left_row_ = static_cast<double>(picks_) / static_cast<double>(rows - picks_);
  }
}

uint64_t Partition::first(uint64_t index) const noexcept {
  return pick_first_ ? picked(index) : left(index);
}

uint64_t Partition::second(uint64_t index) const noexcept {
  return pick_first_ ? left(index) : picked(index);
}

// Multiplications instead of a division per row: rows / picks_ as a 64.64 fixed-point number.
uint64_t Partition::cell_begin(uint64_t cell) const noexcept {
  return cell == picks_ ? rows_ : cell * cell_rows_ + high_word(cell, cell_fraction_);
}

uint64_t Partition::picked(uint64_t index) const noexcept {
  const uint64_t begin = cell_begin(index);
  return begin + high_word(cell_hash(key_, index), cell_begin(index + 1) - begin);
}

uint64_t Partition::left(uint64_t index) const noexcept {
  if (picks_ == 0) {
    return index;
  }
  // The cell whose rows, less one each, hold `index`: an estimate in doubles, made exact by the
  // integers.
  uint64_t cell =
      std::min(picks_ - 1, static_cast<uint64_t>(static_cast<double>(index) * cells_per_left_row_));
  while (cell_begin(cell) - cell > index) {
    --cell;
  }
  while (cell_begin(cell + 1) - (cell + 1) <= index) {
    ++cell;
  }
  const uint64_t row = index + cell;
  return row < picked(cell) ? row : row + 1;
}

}  // namespace headrace
