#include "transform/text_hasher.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "transform/murmur3.h"

namespace headrace {
namespace {

// So many columns that features do not collide: then a row says which features were counted.
constexpr HashedRowCounter::Options kCounts = {
    .columns = 0x7FFFFFFF, .alternate_sign = false, .norm = RowNorm::kNone};

using Row = std::vector<std::pair<int32_t, double>>;

Row row_of(const TextHasher& hasher, const std::string& text) {
  TextHasher::Scratch scratch;
  HashedRows rows;
  EXPECT_FALSE(hasher.add_row(text, scratch, rows).has_value());
  Row row(rows.indices.size());
  for (size_t i = 0; i < row.size(); ++i) {
    row[i].first = rows.indices[i];
    std::memcpy(&row[i].second, rows.values.data() + i * sizeof(double), sizeof(double));
  }
  return row;
}

Row row_of_features(std::vector<std::string> features) {
  const HashedRowCounter counter(kCounts);
  std::sort(features.begin(), features.end());
  Row row;
  for (const std::string& feature : features) {
    const auto column = static_cast<int32_t>(counter.key(murmur3(feature)) >> 1);
    if (!row.empty() && row.back().first == column) {
      row.back().second += 1;
    } else {
      row.emplace_back(column, 1.0);
    }
  }
  std::sort(row.begin(), row.end());
  return row;
}

TextHasher hasher(Analyzer analyzer, NgramRange ngrams,
                  InvalidUtf8 invalid = InvalidUtf8::kStrict) {
  return TextHasher(
      {.analyzer = analyzer, .ngrams = ngrams, .invalid = invalid, .counted = kCounts});
}

TEST(TextHasher, CountsADocumentOfMoreFeaturesThanAreKept) {
  constexpr size_t kPairs = TextHasher::kMostKeys / 2 + 1000;
  std::string text;
  for (size_t i = 0; i < kPairs; ++i) {
    text += "ab";
  }
  Row expected = row_of_features({"a", "b"});
  for (auto& [column, count] : expected) {
    count *= static_cast<double>(kPairs);
  }
  EXPECT_EQ(row_of(hasher(Analyzer::kChar, {1, 1}), text), expected);
}

// Keys are kept until there are kMostKeys, whatever they are of.
TEST(TextHasher, KeepsNoMoreKeysThanItSays) {
  const auto most_keys = [](const TextHasher& hasher, const std::string& text) {
    TextHasher::Scratch scratch;
    HashedRows rows;
    EXPECT_FALSE(hasher.add_row(text, scratch, rows).has_value());
    return scratch.keys.capacity();
  };
  EXPECT_LT(most_keys(hasher(Analyzer::kChar, {1, 2000}), std::string(20'000, 'a')),
            2 * TextHasher::kMostKeys);
  std::string words;
  for (size_t i = 0; i < 2 * TextHasher::kMostKeys + 2; ++i) {
    words += "a ";
  }
  EXPECT_LE(most_keys(hasher(Analyzer::kCharWb, {4, 4}), words), 2 * TextHasher::kMostKeys);
}

TEST(TextHasher, SaysHowManyNgramsItMakes) {
  EXPECT_EQ(hasher(Analyzer::kWord, {1, 1}).spread(), 1U);
  EXPECT_EQ(hasher(Analyzer::kWord, {1, 2}).spread(), 1U);
  EXPECT_EQ(hasher(Analyzer::kWord, {1, 8}).spread(), 4U);
  EXPECT_EQ(hasher(Analyzer::kChar, {3, 3}).spread(), 2U);
  EXPECT_EQ(hasher(Analyzer::kCharWb, {2, 5}).spread(), 8U);
  EXPECT_EQ(hasher(Analyzer::kChar, {1, UINT64_MAX}).spread(), 64U);
}

TEST(TextHasher, CountsWordsAndPairsOfThem) {
  EXPECT_EQ(row_of(hasher(Analyzer::kWord, {1, 2}), "To be, or not to be."),
            row_of_features({"to", "be", "or", "not", "to", "be", "to be", "be or", "or not",
                             "not to", "to be"}));
  EXPECT_TRUE(row_of(hasher(Analyzer::kWord, {1, 2}), "").empty());
}

TEST(TextHasher, CountsCharacters) {
  EXPECT_EQ(row_of(hasher(Analyzer::kChar, {2, 3}), "aÉ \n1"),
            row_of_features({"aé", "é ", " 1", "aé ", "é 1"}));
  EXPECT_TRUE(row_of(hasher(Analyzer::kChar, {3, 3}), "ab").empty());
}

TEST(TextHasher, CountsCharactersOfPaddedWords) {
  EXPECT_EQ(row_of(hasher(Analyzer::kCharWb, {2, 3}), "ab c"),
            row_of_features({" a", "ab", "b ", " ab", "ab ", " c", "c ", " c "}));
  // A word that is shorter than an n-gram counts once.
  EXPECT_EQ(row_of(hasher(Analyzer::kCharWb, {5, 9}), "ab abcd"),
            row_of_features({" ab ", " abcd", "abcd ", " abcd "}));
}

TEST(TextHasher, CountsNgramsThatLieInTwoParts) {
  std::string text;
  std::vector<std::string> features;
  std::string before;
  for (int i = 0; text.size() < 150'000; ++i) {
    const std::string word = "w" + std::to_string(i);
    text.append(word).append(", ");
    features.push_back(word);
    if (i > 0) {
      features.push_back(before + " " + word);
    }
    before = word;
  }
  EXPECT_EQ(row_of(hasher(Analyzer::kWord, {1, 2}), text), row_of_features(features));
  const std::string letters(150'000, 'x');
  EXPECT_EQ(row_of(hasher(Analyzer::kChar, {3, 3}), letters).at(0).second, 149'998);
}

TEST(TextHasher, FindsNgramsLongerThanAPart) {
  const std::string text = "ab cd ef gh";
  EXPECT_EQ(row_of(hasher(Analyzer::kWord, {4, UINT64_MAX}), text), row_of_features({text}));
}

TEST(TextHasher, TellsWhereADocumentIsNotUtf8) {
  TextHasher::Scratch scratch;
  HashedRows rows;
  const auto fault = hasher(Analyzer::kWord, {1, 1})
                         .add_row(
                             "good b\xFF"
                             "d",
                             scratch, rows);
  ASSERT_TRUE(fault.has_value());
  EXPECT_EQ(fault->offset, 6U);
  EXPECT_TRUE(rows.ends.empty());
}

TEST(TextHasher, ReplacesOrIgnoresWhatIsNotUtf8) {
  const std::string text =
      "ab\xFF"
      "cd\xE2\x82 ef\xC3";
  EXPECT_EQ(row_of(hasher(Analyzer::kChar, {1, 1}, InvalidUtf8::kReplace), text),
            row_of_features({"a", "b", "\xEF\xBF\xBD", "c", "d", "\xEF\xBF\xBD", " ", "e", "f",
                             "\xEF\xBF\xBD"}));
  EXPECT_EQ(row_of(hasher(Analyzer::kWord, {1, 1}, InvalidUtf8::kIgnore), text),
            row_of_features({"abcd", "ef"}));
}

TEST(TextHasher, RefusesRangesThatAreNone) {
  for (const NgramRange range : {NgramRange{0, 1}, NgramRange{2, 1}}) {
    expect_error(ErrorCode::kInvalid, {"ngram_range", std::to_string(range.least)},
                 [&] { hasher(Analyzer::kWord, range); });
  }
}

}  // namespace
}  // namespace headrace
