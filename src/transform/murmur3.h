#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace headrace {

// MurmurHash3_x86_32 of Austin Appleby (SMHasher, public domain) with seed 0: the hash that
// scikit-learn's FeatureHasher and HashingVectorizer give features their columns by. The same on
// every machine.
uint32_t murmur3(std::string_view bytes) noexcept;

// murmur3() of longer and longer beginnings of one text, each at the price of what it is longer
// than the one before: n-grams that begin at the same place.
class Murmur3Prefixes {
 public:
  // So many words of four bytes are hashed without a branch for each.
  static constexpr size_t kFewWords = 3;
  // So many bytes behind an `end` are read, and count for nothing.
  static constexpr size_t kReadBehind = 4 * kFewWords + 4;

  explicit Murmur3Prefixes(const char* begin) noexcept : begin_(begin), at_(begin) {}

  // The hash of the text up to `end`. Requires: `end` is not before the one of the last call, and
  // kReadBehind bytes behind it may be read.
  uint32_t to(const char* end) noexcept {
    // How many words there are cannot be foreseen, so that branches would cost more.
    const auto words = static_cast<size_t>(end - at_) / 4;
    for (size_t i = 0; i < kFewWords; ++i) {
      const uint32_t taken = 0U - static_cast<uint32_t>(i < words);
      hash_ ^= (hash_ ^ with_word(hash_, word_at(at_ + 4 * i))) & taken;
    }
    for (size_t i = kFewWords; i < words; ++i) {
      hash_ = with_word(hash_, word_at(at_ + 4 * i));
    }
    at_ += 4 * words;
    const uint32_t rest = word_at(at_) & kMasks[static_cast<size_t>(end - at_)];
    return finished(hash_ ^ mixed(rest), static_cast<uint32_t>(end - begin_));
  }

 private:
  friend uint32_t murmur3(std::string_view bytes) noexcept;

  static constexpr std::array<uint32_t, 4> kMasks = {0, 0xFF, 0xFFFF, 0xFFFFFF};

  static uint32_t mixed(uint32_t word) noexcept {
    return std::rotl(word * 0xCC9E2D51U, 15) * 0x1B873593U;  // 0 for 0
  }

  static uint32_t with_word(uint32_t hash, uint32_t word) noexcept {
    return std::rotl(hash ^ mixed(word), 13) * 5 + 0xE6546B64U;
  }

  static uint32_t finished(uint32_t hash, uint32_t bytes) noexcept {
    hash ^= bytes;
    hash = (hash ^ hash >> 16) * 0x85EBCA6BU;
    hash = (hash ^ hash >> 13) * 0xC2B2AE35U;
    return hash ^ hash >> 16;
  }

  // Four bytes, the first of which is the lowest.
  static uint32_t word_at(const char* bytes) noexcept {
    uint32_t word = 0;
    std::memcpy(&word, bytes, sizeof(word));
    if constexpr (std::endian::native == std::endian::big) {
      word = __builtin_bswap32(word);
    }
    return word;
  }

  const char* begin_;
  const char* at_;  // behind the words that are in hash_
  uint32_t hash_ = 0;
};

}  // namespace headrace
