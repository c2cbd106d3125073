#include "transform/murmur3.h"

#include <bit>
#include <cstddef>
#include <cstring>

namespace headrace {
namespace {

uint32_t mixed(uint32_t word) noexcept { return std::rotl(word * 0xCC9E2D51U, 15) * 0x1B873593U; }

// Four bytes, the first of which is the lowest.
uint32_t word_at(const char* bytes) noexcept {
  uint32_t word = 0;
  std::memcpy(&word, bytes, sizeof(word));
  if constexpr (std::endian::native == std::endian::big) {
    word = __builtin_bswap32(word);
  }
  return word;
}

}  // namespace

uint32_t murmur3(std::string_view bytes) noexcept {
  uint32_t hash = 0;
  const size_t whole = bytes.size() / 4 * 4;
  for (size_t at = 0; at < whole; at += 4) {
    hash = std::rotl(hash ^ mixed(word_at(bytes.data() + at)), 13) * 5 + 0xE6546B64U;
  }
  uint32_t rest = 0;
  for (size_t i = bytes.size(); i > whole; --i) {
    rest = rest << 8 | static_cast<uint8_t>(bytes[i - 1]);
  }
  hash ^= mixed(rest);  // 0 for no rest
  hash ^= static_cast<uint32_t>(bytes.size());
  hash = (hash ^ hash >> 16) * 0x85EBCA6BU;
  hash = (hash ^ hash >> 13) * 0xC2B2AE35U;
  return hash ^ hash >> 16;
}

}  // namespace headrace
