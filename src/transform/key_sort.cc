// 1. The keys are sorted by so many of their highest bits as there are keys, radix first: from the
//    lowest digit of these bits to the highest, 11 bits at once at most.
// 2. Then a key is a few places from where it belongs, and insertion brings it there. Where many
//    keys have the same high bits, that takes more moves than it is allowed, and std::sort ends it.

#include "transform/key_sort.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>

namespace headrace {
namespace {

constexpr int kMostDigitBits = 11;
constexpr size_t kFewKeys = 48;

void sort_by_digit(const std::vector<uint32_t>& keys, std::vector<uint32_t>& out, int shift,
                   int bits) {
  std::array<uint32_t, size_t{1} << kMostDigitBits> places;
  const size_t digits = size_t{1} << bits;
  const uint32_t mask = static_cast<uint32_t>(digits) - 1;
  std::fill_n(places.begin(), digits, 0);
  for (const uint32_t key : keys) {
    ++places[key >> shift & mask];
  }
  uint32_t place = 0;
  for (size_t digit = 0; digit < digits; ++digit) {
    const uint32_t count = places[digit];
    places[digit] = place;
    place += count;
  }
  for (const uint32_t key : keys) {
    out[places[key >> shift & mask]++] = key;
  }
}

void finish_by_insertion(std::vector<uint32_t>& keys) {
  size_t moves_left = 8 * keys.size();
  for (size_t i = 1; i < keys.size(); ++i) {
    const uint32_t key = keys[i];
    size_t to = i;
    while (to > 0 && keys[to - 1] > key) {
      keys[to] = keys[to - 1];
      --to;
    }
    keys[to] = key;
    if (i - to > moves_left) {
      std::sort(keys.begin(), keys.end());
      return;
    }
    moves_left -= i - to;
  }
}

}  // namespace

void sort_keys(std::vector<uint32_t>& keys, std::vector<uint32_t>& scratch, int bits) {
  if (keys.size() <= kFewKeys || keys.size() > UINT32_MAX) {
    std::sort(keys.begin(), keys.end());
    return;
  }
  const int sorted = std::min(bits, static_cast<int>(std::bit_width(keys.size())));
  const int passes = (sorted + kMostDigitBits - 1) / kMostDigitBits;
  scratch.resize(keys.size());
  int shift = bits - sorted;
  for (int pass = 0; pass < passes; ++pass) {
    const int digit_bits = (bits - shift + passes - pass - 1) / (passes - pass);
    sort_by_digit(keys, scratch, shift, digit_bits);
    keys.swap(scratch);
    shift += digit_bits;
  }
  if (sorted < bits) {
    finish_by_insertion(keys);
  }
}

}  // namespace headrace
