#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace headrace {

// Whether `bytes` are well-formed UTF-8, by table 3-7 of the Unicode Standard: no overlong forms,
// no surrogates, nothing above U+10FFFF. Reads nothing else, and some bytes twice: where they
// change meanwhile, the answer may be either. May run in guarded().
bool is_utf8(std::span<const std::byte> bytes) noexcept;

// Bytes that are no UTF-8 and that one U+FFFD stands for where text is repaired: what Unicode calls
// a maximal subpart, and what Python's decoder replaces.
struct Utf8Fault {
  uint64_t offset = 0;
  uint64_t length = 0;
};

// The first fault in `bytes`, if there is one. As is_utf8().
std::optional<Utf8Fault> find_utf8_fault(std::span<const std::byte> bytes) noexcept;

inline constexpr char32_t kReplacementCharacter = 0xFFFD;
inline constexpr size_t kLongestUtf8 = 4;  // bytes of one character

// The character at `at`, which moves behind it. Requires: UTF-8, and `at` where a character begins.
inline char32_t decode_utf8(const char*& at) noexcept {
  const auto byte = [&at] { return static_cast<uint8_t>(*at++); };
  const auto follow = [&byte](char32_t code) { return code << 6 | (byte() & 0x3FU); };
  const uint8_t lead = byte();
  if (lead < 0x80) {
    return lead;
  }
  if (lead < 0xE0) {
    return follow(lead & 0x1FU);
  }
  return lead < 0xF0 ? follow(follow(lead & 0x0FU)) : follow(follow(follow(lead & 0x07U)));
}

// Where the character before `at` begins. Requires: UTF-8 that has one.
inline const char* previous_utf8(const char* at) noexcept {
  do {
    --at;
  } while ((static_cast<uint8_t>(*at) & 0xC0) == 0x80);
  return at;
}

// Writes the character and returns where its bytes end: at most kLongestUtf8. Requires: no
// surrogate, nothing above U+10FFFF.
inline char* encode_utf8(char32_t code, char* to) noexcept {
  const auto put = [&to](char32_t byte) { *to++ = static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
    return to;
  }
  if (code < 0x800) {
    put(0xC0 | code >> 6);
  } else {
    if (code < 0x10000) {
      put(0xE0 | code >> 12);
    } else {
      put(0xF0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3F));
    }
    put(0x80 | (code >> 6 & 0x3F));
  }
  put(0x80 | (code & 0x3F));
  return to;
}

}  // namespace headrace
