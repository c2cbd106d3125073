#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace headrace {

// 64 bytes of text, a bit for each, the first of which is the lowest.
struct AsciiBlock {
  static constexpr size_t kBytes = 64;

  uint64_t word;  // ASCII letters, digits and the underscore
  uint64_t wide;  // no ASCII
};

// Looks at AsciiBlock::kBytes bytes.
AsciiBlock read_ascii_block(const char* bytes) noexcept;

// Copies kCopied bytes of ASCII, in lower case if `lowercase`; meant for the words among them.
inline constexpr size_t kCopied = 16;
void copy_ascii(const char* from, char* to, bool lowercase) noexcept;

#if defined(__SSE2__)

namespace ascii_block {

// All bits of those bytes that lie in [first, first + count). Bytes are compared as signed ones.
inline __m128i in_range(__m128i bytes, char first, int count) noexcept {
  const __m128i moved = _mm_add_epi8(bytes, _mm_set1_epi8(static_cast<char>(0x80 - first)));
  return _mm_cmplt_epi8(moved, _mm_set1_epi8(static_cast<char>(count - 0x80)));
}

inline __m128i load(const char* bytes) noexcept {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}

}  // namespace ascii_block

inline AsciiBlock read_ascii_block(const char* bytes) noexcept {
  AsciiBlock block{};
  for (size_t at = 0; at < AsciiBlock::kBytes; at += sizeof(__m128i)) {
    const __m128i text = ascii_block::load(bytes + at);
    const __m128i lower = _mm_or_si128(text, _mm_set1_epi8(0x20));
    const __m128i word = _mm_or_si128(
        _mm_or_si128(ascii_block::in_range(lower, 'a', 26), ascii_block::in_range(text, '0', 10)),
        _mm_cmpeq_epi8(text, _mm_set1_epi8('_')));
    block.word |= static_cast<uint64_t>(static_cast<uint32_t>(_mm_movemask_epi8(word))) << at;
    block.wide |= static_cast<uint64_t>(static_cast<uint32_t>(_mm_movemask_epi8(text))) << at;
  }
  return block;
}

inline void copy_ascii(const char* from, char* to, bool lowercase) noexcept {
  __m128i text = ascii_block::load(from);
  if (lowercase) {
    const __m128i upper = ascii_block::in_range(text, 'A', 26);
    text = _mm_add_epi8(text, _mm_and_si128(upper, _mm_set1_epi8(0x20)));
  }
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), text);
}

#else

inline AsciiBlock read_ascii_block(const char* bytes) noexcept {
  AsciiBlock block{};
  for (size_t i = 0; i < AsciiBlock::kBytes; ++i) {
    const auto byte = static_cast<uint8_t>(bytes[i]);
    const auto lower = static_cast<uint8_t>(byte | 0x20);
    const bool word = static_cast<uint8_t>(lower - 'a') < 26 ||
                      static_cast<uint8_t>(byte - '0') < 10 || byte == '_';
    block.word |= static_cast<uint64_t>(word) << i;
    block.wide |= static_cast<uint64_t>(byte >> 7) << i;
  }
  return block;
}

inline void copy_ascii(const char* from, char* to, bool lowercase) noexcept {
  for (size_t i = 0; i < kCopied; ++i) {
    const bool upper = lowercase && from[i] >= 'A' && from[i] <= 'Z';
    to[i] = static_cast<char>(from[i] + (upper ? 0x20 : 0));
  }
}

#endif

}  // namespace headrace
