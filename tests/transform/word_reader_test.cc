#include "transform/word_reader.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/tokens.h"

namespace headrace {
namespace {

using Words = std::vector<std::string>;

Words words_of(const std::string& text, const WordRules& rules = WordRules(true, {})) {
  WordReader reader(rules, text);
  TokenBuffer buffer;
  Words words;
  for (bool more = true; more;) {
    more = reader.fill(buffer);
    for (const std::string& word : texts_of(buffer)) {
      words.push_back(word);
    }
    buffer.drop_front(buffer.tokens().size());
  }
  return words;
}

TEST(WordReader, FindsWordsOfTwoCharactersAndMore) {
  EXPECT_EQ(words_of("This is a test, really.\n\n I met Harry_1 on 3.14"),
            (Words{"this", "is", "test", "really", "met", "harry_1", "on", "14"}));
  EXPECT_EQ(words_of(""), Words{});
  EXPECT_EQ(words_of("a b c - . !"), Words{});
  EXPECT_EQ(words_of("end"), Words{"end"});
}

TEST(WordReader, CountsCharactersAndNotBytes) {
  EXPECT_EQ(words_of("é éa 中 中文 \xF0\xA0\x80\x80 \xF0\xA0\x80\x80\xF0\xA0\x80\x80"),
            (Words{"éa", "中文", "\xF0\xA0\x80\x80\xF0\xA0\x80\x80"}));
}

TEST(WordReader, BreaksWordsAtMarksAndNul) {
  EXPECT_EQ(words_of("e\xCC\x81tude"), Words{"tude"});
  EXPECT_EQ(words_of(std::string("ab\0cd", 5)), (Words{"ab", "cd"}));
  EXPECT_EQ(words_of("हिन्दी"), Words{});
}

TEST(WordReader, LowersAsPythonDoes) {
  EXPECT_EQ(words_of("ÄÖ ΟΔΟΣ ΟΔΟΣΑ Σα"), (Words{"äö", "οδος", "οδοσα", "σα"}));
  EXPECT_EQ(words_of("İSTANBUL Iİx"), (Words{"stanbul", "ii"}));  // i and a mark, which breaks
  EXPECT_EQ(words_of("aİ"), Words{"ai"});
  EXPECT_EQ(words_of("ȺȺ"), Words{"ⱥⱥ"});  // two bytes become three
  EXPECT_EQ(words_of("ÄB İx ΑΣ", WordRules(false, {})), (Words{"ÄB", "İx", "ΑΣ"}));
}

TEST(WordReader, LeavesOutStopWords) {
  const WordRules rules(true, StopWords({"the", "être"}));
  EXPECT_EQ(words_of("The cat the ÊTRE other", rules), (Words{"cat", "other"}));
  const WordRules upper(false, StopWords({"the"}));
  EXPECT_EQ(words_of("The the", upper), Words{"The"});
}

TEST(WordReader, HasOneSpaceBetweenWords) {
  const WordRules rules(true, StopWords({"not"}));
  const std::string text = "To -- be, a not\t B2b";
  WordReader reader(rules, text);
  TokenBuffer buffer;
  EXPECT_FALSE(reader.fill(buffer));
  EXPECT_EQ(std::string(buffer.text(), buffer.tokens().back().end), "to be b2b");
}

TEST(WordReader, JoinsWordsThatLieInTwoParts) {
  for (const std::string unit : {"a", "é", "Ⱥ", "\xF0\xA0\x80\x80"}) {
    std::string word;
    while (word.size() < 200'000) {
      word += unit;
    }
    const WordRules rules(false, {});
    EXPECT_EQ(words_of("x " + word + " yz", rules), (Words{word, "yz"}));
    EXPECT_EQ(words_of(word, rules), Words{word});
  }
  for (size_t before = 65'520; before < 65'560; ++before) {
    const std::string text = std::string(before, ' ') + "wörd Ⱥnd aΣ";
    ASSERT_EQ(words_of(text), (Words{"wörd", "ⱥnd", "aς"})) << before;
  }
}

}  // namespace
}  // namespace headrace
