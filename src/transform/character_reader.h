#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "transform/tokens.h"

namespace headrace {

// How characters are read; made once for many texts.
struct CharacterRules {
  explicit CharacterRules(bool lowercase);

  bool lowercase;
  // Of each byte: the character as it is kept, or one of the two below.
  static constexpr uint8_t kSpace = 0xFF;
  static constexpr uint8_t kWide = 0xFE;  // the beginning of a character of several bytes
  std::array<uint8_t, 256> kept;
};

// The characters of a text, or with lowercase of text.lower(), each of them a token.
class CharacterReader {
 public:
  // Requires: `text` is UTF-8 of less than 2^31 bytes; it and `rules` outlive this.
  CharacterReader(const CharacterRules& rules, std::string_view text) noexcept
      : rules_(rules), text_(text), at_(text.data()) {}

  // Adds the characters of the next part of the text, some 64 KiB, where white space in a row, if
  // it is more than one character, is one space; false where that was the last part.
  bool fill(TokenBuffer& out);

  // Makes `out` the characters of the next word, with a space before it and one behind: what
  // str.split() gives. False, and nothing in `out`, where there is none. Not to be mixed with
  // fill().
  bool next_word(TokenBuffer& out);

 private:
  struct Writer;

  // Steps over the character at at_ and counts it, if it is white space.
  bool skip_space() noexcept;
  void write_space(Writer& writer);
  void read(Writer& writer);  // the character at at_, which is no white space

  const CharacterRules& rules_;
  std::string_view text_;
  const char* at_;
  size_t spaces_ = 0;   // in a row before at_, which are not written yet
  char32_t space_ = 0;  // what is to be written of them
};

}  // namespace headrace
