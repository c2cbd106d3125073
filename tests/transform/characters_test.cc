#include "transform/characters.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace headrace {
namespace {

const Characters& table() { return Characters::table(); }

TEST(Characters, OfWordsAreLettersDigitsAndTheUnderscore) {
  for (const char32_t code : {U'a', U'Z', U'0', U'_', U'ä', U'Σ', U'中', U'한', U'²', U'½', U'०',
                              char32_t{0x1D7D8}, char32_t{0x20000}, char32_t{0x3134A}}) {
    EXPECT_TRUE(table().is_word(code)) << std::hex << static_cast<uint32_t>(code);
  }
  // Marks break words in Python, whatever language they are of.
  for (const char32_t code :
       {U' ', U'-', U'.', U'\n', U'€', char32_t{0}, char32_t{0x301}, char32_t{0x93E},
        char32_t{0x200D}, char32_t{0xFFFD}, char32_t{0x1F600}, char32_t{0x10FFFF}}) {
    EXPECT_FALSE(table().is_word(code)) << std::hex << static_cast<uint32_t>(code);
  }
}

TEST(Characters, OfSpaceAreThoseOfPython) {
  for (const char32_t code :
       {U' ', U'\t', U'\n', U'\v', U'\f', U'\r', char32_t{0x1C}, char32_t{0x1F}, char32_t{0x85},
        char32_t{0xA0}, char32_t{0x2003}, char32_t{0x3000}}) {
    EXPECT_TRUE(table().is_space(code)) << std::hex << static_cast<uint32_t>(code);
  }
  for (const char32_t code : {U'a', char32_t{0}, char32_t{0x200B}, char32_t{0xFEFF}}) {
    EXPECT_FALSE(table().is_space(code)) << std::hex << static_cast<uint32_t>(code);
  }
}

TEST(Characters, HaveTheLowerCaseOfPython) {
  EXPECT_EQ(table().lower(U'A'), U'a');
  EXPECT_EQ(table().lower(U'a'), U'a');
  EXPECT_EQ(table().lower(U'Ä'), U'ä');
  EXPECT_EQ(table().lower(U'Σ'), U'σ');
  EXPECT_EQ(table().lower(U'Ⱥ'), char32_t{0x2C65});
  EXPECT_EQ(table().lower(char32_t{0x212A}), U'k');  // the sign of kelvin
  EXPECT_EQ(table().lower(char32_t{0x10400}), char32_t{0x10428});
  EXPECT_EQ(table().lower(kDottedCapitalI), kDottedCapitalI);
  EXPECT_EQ(table().lower(char32_t{0x10FFFF}), char32_t{0x10FFFF});
}

bool is_final(const std::string& text, size_t begin) { return table().is_final_sigma(text, begin); }

TEST(Characters, SigmaIsFinalBehindALetterAndBeforeNone) {
  EXPECT_TRUE(is_final("ΑΣ", 2));
  EXPECT_TRUE(is_final("ΑΣ Α", 2));
  EXPECT_FALSE(is_final("ΑΣΑ", 2));
  EXPECT_FALSE(is_final("Σ", 0));
  EXPECT_FALSE(is_final("ΣΑ", 0));
  EXPECT_FALSE(is_final("1Σ", 1));
  EXPECT_FALSE(is_final(" Σ", 1));
  EXPECT_TRUE(is_final("ΣΣ", 2));
}

TEST(Characters, SigmaLooksThroughWhatIsIgnored) {
  EXPECT_TRUE(is_final("Α.Σ", 3));
  EXPECT_TRUE(is_final("Α\xCC\x81:Σ", 5));
  EXPECT_FALSE(is_final(".:Σ", 2));
  EXPECT_FALSE(is_final("ΑΣ.\xCC\x81Α", 2));
  EXPECT_TRUE(is_final("ΑΣ.\xCC\x81", 2));
  EXPECT_TRUE(is_final("ΑΣ.1", 2));
}

// The lower case of the character at byte `begin`.
std::u32string lower_at(std::string_view text, size_t begin, char32_t code) {
  std::u32string lower;
  table().put_lower(text, begin, code, [&](char32_t character) { lower += character; });
  return lower;
}

TEST(Characters, AreLoweredInTheirTextAsPythonDoes) {
  EXPECT_EQ(lower_at("ΑΣ", 2, kCapitalSigma), U"ς");
  EXPECT_EQ(lower_at("ΑΣΑ", 2, kCapitalSigma), U"σ");
  EXPECT_EQ(lower_at("İ", 0, kDottedCapitalI), U"i\u0307");
  EXPECT_EQ(lower_at("É", 0, U'É'), U"é");
  EXPECT_EQ(lower_at("中", 0, U'中'), U"中");
}

}  // namespace
}  // namespace headrace
