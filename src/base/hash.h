#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>

namespace headrace {

// XXH3-64 of `bytes`.
uint64_t hash_bytes(std::span<const std::byte> bytes) noexcept;

// XXH3-64 of `values` as little-endian 64-bit words: the one way in which keys are derived.
// Words are kept apart, so (1, 0) and (0, 1) differ.
uint64_t hash_words(std::initializer_list<uint64_t> values) noexcept;

// XXH3-64 of a stream of bytes, for hashes over many pieces.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  void update(std::span<const std::byte> bytes) noexcept;
  void update(uint64_t word) noexcept;
  uint64_t digest() const noexcept;

 private:
  void* state_;  // XXH3_state_t, kept out of this header
};

}  // namespace headrace
