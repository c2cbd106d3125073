#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "transform/characters.h"
#include "transform/stop_words.h"
#include "transform/tokens.h"

namespace headrace {

// How words are read; made once for many texts.
struct WordRules {
  WordRules(bool lowercase, StopWords stop_words);

  bool lowercase;
  StopWords stop_words;  // compared with words in lower case, if there is lowercase
  // Of each byte: what is kept of a character of a word, or one of the two below.
  static constexpr uint8_t kNoWord = 0;
  static constexpr uint8_t kWide = 0x80;  // the beginning of a character of several bytes
  std::array<uint8_t, 256> kept;
};

// The words of a text: what the pattern (?u)\b\w\w+\b of Python's re finds in text or, with
// lowercase, in text.lower(). They come with one space between them.
class WordReader {
 public:
  // Requires: `text` is UTF-8 of less than 2^31 bytes; it and `rules` outlive this.
  WordReader(const WordRules& rules, std::string_view text) noexcept
      : rules_(rules), text_(text), at_(text.data()) {}

  // Adds the words of the next part of the text, some 64 KiB; false where that was the last.
  // Requires: the same buffer each time, empty for a new text.
  bool fill(TokenBuffer& out);

 private:
  struct Writer;

  bool read_block(Writer& writer, const char* end);
  void read_character(Writer& writer);
  void read_wide(Writer& writer);

  const WordRules& rules_;
  std::string_view text_;
  const char* at_;
  size_t extra_ = 0;  // bytes of the word that is not whole yet, beyond its characters
};

}  // namespace headrace
