#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace headrace {

inline constexpr char32_t kCapitalSigma = 0x3A3;
inline constexpr char32_t kFinalSigma = 0x3C2;
inline constexpr char32_t kDottedCapitalI = 0x130;  // its lower case is "i" and kDotAbove
inline constexpr char32_t kDotAbove = 0x307;

// What single characters are, as Python has it for the version of Unicode in unicode_tables.h.
class Characters {
 public:
  // Built at the first call; never changes.
  static const Characters& table();

  // \w of Python's re. Requires, as all of these: code <= 0x10FFFF.
  bool is_word(char32_t code) const noexcept { return (flags_[code] & kWord) != 0; }

  // \s of Python's re.
  bool is_space(char32_t code) const noexcept { return (flags_[code] & kSpace) != 0; }

  // The lower case of what has one of one character; the character itself otherwise,
  // kDottedCapitalI included.
  char32_t lower(char32_t code) const noexcept {
    return code + static_cast<char32_t>(deltas_[pages_[code >> kPageBits]][code & kPageMask]);
  }

  // Whether the capital sigma whose bytes are `begin` and the one behind it in `text` ends a word:
  // then its lower case is kFinalSigma, as Unicode's condition Final_Sigma says. Requires: text is
  // UTF-8.
  bool is_final_sigma(std::string_view text, size_t begin) const noexcept;

  // Calls put(character) for each character of the lower case, as str.lower() of Python has it, of
  // `code`, whose bytes begin at `begin` of `text`: one, or two for kDottedCapitalI. Requires: text
  // is UTF-8.
  template <typename Put>
  void put_lower(std::string_view text, size_t begin, char32_t code, const Put& put) const {
    if (code == kCapitalSigma && is_final_sigma(text, begin)) {
      put(kFinalSigma);
    } else if (code == kDottedCapitalI) {
      put(char32_t{'i'});
      put(kDotAbove);
    } else {
      put(lower(code));
    }
  }

 private:
  enum Flag : uint8_t { kWord = 1, kSpace = 2, kCased = 4, kIgnorable = 8 };
  static constexpr int kPageBits = 8;
  static constexpr char32_t kPageMask = (1U << kPageBits) - 1;
  using Page = std::array<int32_t, kPageMask + 1>;

  Characters();

  std::vector<uint8_t> flags_;  // of every code point
  std::vector<uint8_t> pages_;  // which of deltas_ a page of code points has; most have the first
  std::vector<Page> deltas_;
};

}  // namespace headrace
