#include "transform/character_reader.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/tokens.h"

namespace headrace {
namespace {

using Texts = std::vector<std::string>;

std::string joined(const Texts& texts) {
  std::string all;
  for (const std::string& text : texts) {
    all.append(text).append("|");
  }
  return all;
}

std::string characters_of(const std::string& text, bool lowercase = true) {
  const CharacterRules rules(lowercase);
  CharacterReader reader(rules, text);
  TokenBuffer buffer;
  std::string all;
  for (bool more = true; more;) {
    more = reader.fill(buffer);
    all += joined(texts_of(buffer));
    buffer.drop_front(buffer.tokens().size());
  }
  return all;
}

Texts words_of(const std::string& text, bool lowercase = true) {
  const CharacterRules rules(lowercase);
  CharacterReader reader(rules, text);
  TokenBuffer buffer;
  Texts words;
  while (reader.next_word(buffer)) {
    words.push_back(joined(texts_of(buffer)));
  }
  EXPECT_TRUE(buffer.tokens().empty());
  return words;
}

TEST(CharacterReader, GivesEachCharacterInLowerCase) {
  EXPECT_EQ(characters_of("aÉ中\xF0\xA0\x80\x80!"), "a|é|中|\xF0\xA0\x80\x80|!|");
  EXPECT_EQ(characters_of("İΑΣ"), "i|\xCC\x87|α|ς|");
  EXPECT_EQ(characters_of("aÉİΣ", false), "a|É|İ|Σ|");
  EXPECT_EQ(characters_of(""), "");
  EXPECT_EQ(characters_of(std::string("a\0b", 3)), std::string("a|\0|b|", 6));
}

TEST(CharacterReader, MakesOneSpaceOfSeveralAndKeepsOneAsItIs) {
  EXPECT_EQ(characters_of("a\nb\tc"), "a|\n|b|\t|c|");
  EXPECT_EQ(characters_of("a \n b  c\t\t"), "a| |b| |c| |");
  EXPECT_EQ(characters_of("\n"), "\n|");
  EXPECT_EQ(characters_of("\xC2\xA0"
                          "a\xE3\x80\x80\xE3\x80\x80"
                          "b"),
            "\xC2\xA0|a| |b|");
  EXPECT_EQ(characters_of("a\x1C"
                          "b"),
            "a|\x1C|b|");
}

TEST(CharacterReader, GivesWordsBetweenSpaces) {
  EXPECT_EQ(words_of("  To be,\n\xC2\xA0É "), (Texts{" |t|o| |", " |b|e|,| |", " |é| |"}));
  EXPECT_EQ(words_of(""), Texts{});
  EXPECT_EQ(words_of(" \t"), Texts{});
  EXPECT_EQ(words_of("ΑΣ"), Texts{" |α|ς| |"});
}

TEST(CharacterReader, SeesSpacesAndCharactersThatLieInTwoParts) {
  for (size_t before = 65'530; before < 65'540; ++before) {
    const std::string text = std::string(before, 'x') + " \n é\xF0\xA0\x80\x80 ";
    const std::string found = characters_of(text);
    ASSERT_EQ(found.substr(2 * before), " |é|\xF0\xA0\x80\x80| |") << before;
  }
  const std::string spaces(200'000, '\n');
  EXPECT_EQ(characters_of("a" + spaces + "b"), "a| |b|");
}

}  // namespace
}  // namespace headrace
