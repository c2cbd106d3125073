#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace headrace {

// A keyed bijection of [0, size) in constant memory.
//
// 1. A value has w = max(2, bit_width(size - 1)) bits: a high half of floor(w / 2) bits and a low
//    half of ceil(w / 2).
// 2. An alternating Feistel network encrypts it: each round replaces one half by its exclusive or
//    with a keyed hash of the other half, and the halves take turns. Six rounds make a cycle, each
//    with a round key of its own. Values of 10 or more bits go through one cycle; shorter ones, of
//    whose few bits a cycle mixes too little, through 11 - w.
// 3. A value that falls outside [0, size) is encrypted again until it falls inside (cycle walking):
//    at most two tries on average, since size > 2^(w - 1).
//
// docs/order.md has the proof and the statistics. Sources: Luby and Rackoff, "How to construct
// pseudorandom permutations from pseudorandom functions" (1988); Black and Rogaway, "Ciphers with
// arbitrary finite domains" (2002). Thread-safe: no state changes after construction.
class Permutation {
 public:
  // Derives the round keys once. Requires: size > 0.
  Permutation(uint64_t size, uint64_t key) noexcept;

  uint64_t size() const noexcept { return size_; }

  // The value at `index`. Requires: index < size().
  uint64_t operator()(uint64_t index) const noexcept;

  // The index whose value is `value`: inverse(p(i)) == i. Requires: value < size().
  uint64_t inverse(uint64_t value) const noexcept;

  // Replaces every index by its value; several times faster than one at a time.
  // Requires: each index < size().
  void map(std::span<uint64_t> indices) const noexcept;

 private:
  static constexpr size_t kRounds = 6;  // of a cycle

  uint64_t encrypt(uint64_t value) const noexcept;
  uint64_t decrypt(uint64_t value) const noexcept;
  void encrypt_batch(std::span<uint64_t> values) const noexcept;
  size_t encrypt_vectors(std::span<uint64_t> values) const noexcept;  // returns how many it did

  uint64_t size_;
  int low_bits_;
  uint64_t cycles_;
  uint64_t low_mask_;
  uint64_t high_mask_;
  std::array<uint64_t, kRounds> keys_;
};

}  // namespace headrace
