#include "order/permutation.h"

#include <algorithm>
#include <bit>

namespace headrace {
namespace {

constexpr uint64_t kMultiplier = 0x9E3779B185EBCA87U;  // an odd prime near 2^64 / golden ratio
constexpr uint64_t kGolden = 0x9E3779B97F4A7C15U;

// Both halves of one 128-bit product: every bit of the result depends on every bit of `half`.
inline uint64_t round_hash(uint64_t half, uint64_t key) noexcept {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(half ^ key) * kMultiplier;
  return static_cast<uint64_t>(product >> 64) ^ static_cast<uint64_t>(product);
}

// splitmix64's output function (Steele, Lea and Flood, 2014): one key makes all round keys.
uint64_t splitmix(uint64_t& state) noexcept {
  uint64_t z = (state += kGolden);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

// One cycle of rounds over both halves.
template <size_t rounds>
inline void encrypt_halves(uint64_t& high, uint64_t& low, uint64_t high_mask, uint64_t low_mask,
                           const std::array<uint64_t, rounds>& keys, uint64_t offset) noexcept {
  for (size_t round = 0; round < rounds; round += 2) {
    high ^= round_hash(low, keys[round] + offset) & high_mask;
    low ^= round_hash(high, keys[round + 1] + offset) & low_mask;
  }
}

}  // namespace

Permutation::Permutation(uint64_t size, uint64_t key) noexcept : size_(size), keys_{} {
  const int bits = std::max(2, static_cast<int>(std::bit_width(size - 1)));
  low_bits_ = (bits + 1) / 2;
  cycles_ = static_cast<uint64_t>(std::max(1, 11 - bits));
  low_mask_ = ~(~uint64_t{0} << low_bits_);
  high_mask_ = ~(~uint64_t{0} << (bits / 2));
  for (uint64_t& round_key : keys_) {
    round_key = splitmix(key);
  }
}

uint64_t Permutation::encrypt(uint64_t value) const noexcept {
  uint64_t high = value >> low_bits_;
  uint64_t low = value & low_mask_;
  for (uint64_t cycle = 0; cycle < cycles_; ++cycle) {
    encrypt_halves(high, low, high_mask_, low_mask_, keys_, cycle * kGolden);
  }
  return high << low_bits_ | low;
}

uint64_t Permutation::decrypt(uint64_t value) const noexcept {
  uint64_t high = value >> low_bits_;
  uint64_t low = value & low_mask_;
  for (uint64_t cycle = cycles_; cycle > 0; --cycle) {
    const uint64_t offset = (cycle - 1) * kGolden;
    for (size_t round = kRounds; round > 0; round -= 2) {
      low ^= round_hash(high, keys_[round - 1] + offset) & low_mask_;
      high ^= round_hash(low, keys_[round - 2] + offset) & high_mask_;
    }
  }
  return high << low_bits_ | low;
}

uint64_t Permutation::operator()(uint64_t index) const noexcept {
  do {
    index = encrypt(index);
  } while (index >= size_);
  return index;
}

uint64_t Permutation::inverse(uint64_t value) const noexcept {
  do {
    value = decrypt(value);
  } while (value >= size_);
  return value;
}

template <typename Encrypt>
void Permutation::map_by(std::span<uint64_t> indices, const Encrypt& encrypt) const noexcept {
  // Walking each value to its end would mispredict a branch per value when size is just above a
  // power of two; instead all are encrypted, and those outside the range are listed and go again.
  constexpr size_t kChunk = 512;
  std::array<uint16_t, kChunk> outside;
  while (!indices.empty()) {
    const std::span<uint64_t> chunk = indices.first(std::min(kChunk, indices.size()));
    size_t count = 0;
    for (size_t i = 0; i < chunk.size(); ++i) {
      const uint64_t value = encrypt(chunk[i]);
      chunk[i] = value;
      outside[count] = static_cast<uint16_t>(i);
      count += value >= size_ ? 1U : 0U;
    }
    while (count > 0) {
      size_t left = 0;
      for (size_t i = 0; i < count; ++i) {
        const uint16_t at = outside[i];
        const uint64_t value = encrypt(chunk[at]);
        chunk[at] = value;
        outside[left] = at;
        left += value >= size_ ? 1U : 0U;
      }
      count = left;
    }
    indices = indices.subspan(chunk.size());
  }
}

void Permutation::map(std::span<uint64_t> indices) const noexcept {
  if (cycles_ > 1) {
    map_by(indices, [this](uint64_t value) noexcept { return encrypt(value); });
    return;
  }
  // The common case without the loop over cycles, its constants in registers.
  map_by(indices, [bits = low_bits_, high_mask = high_mask_, low_mask = low_mask_,
                   keys = keys_](uint64_t value) noexcept {
    uint64_t high = value >> bits;
    uint64_t low = value & low_mask;
    encrypt_halves(high, low, high_mask, low_mask, keys, 0);
    return high << bits | low;
  });
}

}  // namespace headrace
