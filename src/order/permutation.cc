#include "order/permutation.h"

#include <algorithm>
#include <bit>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace headrace {
namespace {

constexpr uint64_t kGolden = 0x9E3779B97F4A7C15U;
constexpr uint32_t kMultiplier = 0x9E3779B1U;  // a prime near 2^32 / golden ratio

// Both halves of one 64-bit product: every bit of the result depends on every bit of `half`. Halves
// have at most 32 bits, so this is the one multiplication that every vector unit has.
inline uint64_t round_hash(uint64_t half, uint64_t key) noexcept {
  const uint64_t product = uint64_t{static_cast<uint32_t>(half ^ key)} * kMultiplier;
  return product ^ (product >> 32);
}

// splitmix64's output function (Steele, Lea and Flood, 2014): one key makes all round keys.
uint64_t splitmix(uint64_t& state) noexcept {
  uint64_t z = (state += kGolden);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

#if defined(__x86_64__)
[[gnu::target("avx2")]] inline __m256i in_all_lanes(uint64_t value) noexcept {
  return _mm256_set1_epi64x(static_cast<int64_t>(value));
}

[[gnu::target("avx2")]] inline __m256i round_hash(__m256i half, __m256i key) noexcept {
  const __m256i product = _mm256_mul_epu32(_mm256_xor_si256(half, key), in_all_lanes(kMultiplier));
  return _mm256_xor_si256(product, _mm256_srli_epi64(product, 32));
}
#endif

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

inline uint64_t Permutation::encrypt(uint64_t value) const noexcept {
  uint64_t high = value >> low_bits_;
  uint64_t low = value & low_mask_;
  for (uint64_t cycle = 0; cycle < cycles_; ++cycle) {
    const uint64_t offset = cycle * kGolden;
    for (size_t round = 0; round < kRounds; round += 2) {
      high ^= round_hash(low, keys_[round] + offset) & high_mask_;
      low ^= round_hash(high, keys_[round + 1] + offset) & low_mask_;
    }
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

#if defined(__x86_64__)
// Four values at a time. Compilers vectorize the loop over encrypt() too, but shuffle 32-bit parts
// around every multiplication.
[[gnu::target("avx2")]] size_t Permutation::encrypt_vectors(
    std::span<uint64_t> values) const noexcept {
  constexpr size_t kLanes = 4;
  const __m256i high_mask = in_all_lanes(high_mask_);
  const __m256i low_mask = in_all_lanes(low_mask_);
  const __m128i bits = _mm_cvtsi32_si128(low_bits_);
  size_t done = 0;
  for (; done + kLanes <= values.size(); done += kLanes) {
    auto* const at = reinterpret_cast<__m256i*>(values.data() + done);
    const __m256i value = _mm256_loadu_si256(at);
    __m256i high = _mm256_srl_epi64(value, bits);
    __m256i low = _mm256_and_si256(value, low_mask);
    for (uint64_t cycle = 0; cycle < cycles_; ++cycle) {
      for (size_t round = 0; round < kRounds; round += 2) {
        const __m256i high_key = in_all_lanes(keys_[round] + cycle * kGolden);
        const __m256i low_key = in_all_lanes(keys_[round + 1] + cycle * kGolden);
        high = _mm256_xor_si256(high, _mm256_and_si256(round_hash(low, high_key), high_mask));
        low = _mm256_xor_si256(low, _mm256_and_si256(round_hash(high, low_key), low_mask));
      }
    }
    _mm256_storeu_si256(at, _mm256_or_si256(_mm256_sll_epi64(high, bits), low));
  }
  return done;
}
#endif

void Permutation::encrypt_batch(std::span<uint64_t> values) const noexcept {
  size_t done = 0;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) {
    done = encrypt_vectors(values);
  }
#endif
  for (uint64_t& value : values.subspan(done)) {
    value = encrypt(value);
  }
}

void Permutation::map(std::span<uint64_t> indices) const noexcept {
  // Walking each value to its end would mispredict a branch per value when size is just above a
  // power of two; instead all are encrypted, and those outside the range are listed and go again.
  constexpr size_t kChunk = 512;
  std::array<uint16_t, kChunk> outside;
  std::array<uint64_t, kChunk> again;
  while (!indices.empty()) {
    const std::span<uint64_t> chunk = indices.first(std::min(kChunk, indices.size()));
    encrypt_batch(chunk);
    size_t count = 0;
    for (size_t i = 0; i < chunk.size(); ++i) {
      outside[count] = static_cast<uint16_t>(i);
      count += chunk[i] >= size_ ? 1U : 0U;
    }
    while (count > 0) {
      for (size_t i = 0; i < count; ++i) {
        again[i] = chunk[outside[i]];
      }
      encrypt_batch(std::span(again).first(count));
      size_t left = 0;
      for (size_t i = 0; i < count; ++i) {
        const uint16_t at = outside[i];
        chunk[at] = again[i];
        outside[left] = at;
        left += again[i] >= size_ ? 1U : 0U;
      }
      count = left;
    }
    indices = indices.subspan(chunk.size());
  }
}

}  // namespace headrace
