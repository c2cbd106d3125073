#include "transform/murmur3.h"

namespace headrace {

uint32_t murmur3(std::string_view bytes) noexcept {
  using Prefixes = Murmur3Prefixes;
  uint32_t hash = 0;
  size_t at = 0;
  for (; at + 4 <= bytes.size(); at += 4) {
    hash = Prefixes::with_word(hash, Prefixes::word_at(bytes.data() + at));
  }
  uint32_t rest = 0;
  for (size_t i = bytes.size(); i > at; --i) {
    rest = rest << 8 | static_cast<uint8_t>(bytes[i - 1]);
  }
  return Prefixes::finished(hash ^ Prefixes::mixed(rest), static_cast<uint32_t>(bytes.size()));
}

}  // namespace headrace
