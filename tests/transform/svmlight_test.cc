#include "transform/svmlight.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace headrace {
namespace {

template <typename T>
std::vector<T> list(const GrowingArray<T>& array) {
  return {array.begin(), array.end()};
}

struct Parsed {
  SvmlightRows rows;
  std::optional<SvmlightFault> fault;
};

// Parses `text`, which ends with a line, in pieces of `step` more bytes each.
Parsed parse(const std::string& text, const SvmlightFormat& format = {}, size_t step = SIZE_MAX) {
  const std::string padded = text + std::string(SvmlightParser::kPadding, '7');
  Parsed parsed;
  SvmlightParser parser(format);
  size_t used = 0;
  size_t given = 0;
  while (used < text.size() && !parser.fault()) {
    given = step > text.size() - given ? text.size() : given + step;
    used += parser.parse({padded.data() + used, given - used}, parsed.rows);
    if (given == text.size() && !parser.fault() && used < text.size()) {
      ADD_FAILURE() << "the parser left " << text.substr(used);
      break;
    }
  }
  parsed.fault = parser.fault();
  return parsed;
}

const char* const kText =
    "1 1:0.5 3:-2  # first\n"
    "\n"
    "  # nothing but words, 5:5\n"
    "-1\n"
    "+2.5e1\t2:1e-3\r\n"
    " 3 1:nan 100000000:1# glued\n"
    "4 10:123456789.125 2147483647:inf \n";

TEST(Svmlight, ReadsLabelsAndPairs) {
  const Parsed parsed = parse(kText);
  ASSERT_FALSE(parsed.fault) << parsed.fault->what;
  const SvmlightRows& rows = parsed.rows;
  EXPECT_EQ(rows.rows(), 5U);
  EXPECT_EQ(list(rows.labels), (std::vector<double>{1, -1, 25, 3, 4}));
  EXPECT_EQ(list(rows.indptr), (std::vector<int64_t>{0, 2, 2, 3, 5, 7}));
  EXPECT_EQ(list(rows.indices), (std::vector<int32_t>{1, 3, 2, 1, 100000000, 10, 2147483647}));
  EXPECT_EQ(rows.doubles[0], 0.5);
  EXPECT_EQ(rows.doubles[1], -2);
  EXPECT_EQ(rows.doubles[2], 0.001);
  EXPECT_TRUE(std::isnan(rows.doubles[3]));
  EXPECT_EQ(rows.doubles[5], 123456789.125);
  EXPECT_TRUE(std::isinf(rows.doubles[6]));
  EXPECT_EQ(rows.lowest_index, 1);
  EXPECT_EQ(rows.highest_index, 2147483647);
}

TEST(Svmlight, GivesTheSameForPiecesOfAnyLength) {
  const std::string text = kText;
  const Parsed whole = parse(text);
  for (size_t step = 1; step <= text.size(); ++step) {
    const Parsed parts = parse(text, {}, step);
    ASSERT_FALSE(parts.fault) << step;
    EXPECT_EQ(list(parts.rows.labels), list(whole.rows.labels)) << step;
    EXPECT_EQ(list(parts.rows.indptr), list(whole.rows.indptr)) << step;
    EXPECT_EQ(list(parts.rows.indices), list(whole.rows.indices)) << step;
    EXPECT_EQ(parts.rows.highest_index, whole.rows.highest_index) << step;
  }
}

TEST(Svmlight, RoundsFloatsFromTheNearestDouble) {
  // Halfway between two floats as a double, and above it as a decimal.
  const Parsed parsed = parse("1 1:1.00000005960464477540\n", {.float32 = true});
  ASSERT_FALSE(parsed.fault);
  EXPECT_EQ(parsed.rows.floats[0], static_cast<float>(1.00000005960464477540));
  EXPECT_EQ(parsed.rows.doubles.size(), 0U);
}

TEST(Svmlight, SubtractsTheBase) {
  const Parsed parsed = parse("1 1:1 5:1\n", {.lowest_index = 1, .base = 1});
  EXPECT_EQ(list(parsed.rows.indices), (std::vector<int32_t>{0, 4}));
  EXPECT_EQ(parsed.rows.highest_index, 5) << "as it is written";
}

TEST(Svmlight, ReadsQueriesWhereTheyAreWanted) {
  const std::string text = "1 qid:7 2:1\n2 qid:-8\n";
  EXPECT_EQ(list(parse(text, {.query_id = true}).rows.query_ids), (std::vector<int64_t>{7, -8}));
  const Parsed passed_over = parse("1 qid:seven 2:1\n", {});
  EXPECT_FALSE(passed_over.fault);
  EXPECT_EQ(passed_over.rows.query_ids.size(), 0U);
}

TEST(Svmlight, ReadsAnyNumberOfSortedLabels) {
  const Parsed parsed = parse("3,1,2 1:1\n1:5 2:6\n4\nqid:3 1:1\n", {.multilabel = true});
  ASSERT_FALSE(parsed.fault) << parsed.fault->what;
  EXPECT_EQ(list(parsed.rows.labels), (std::vector<double>{1, 2, 3, 4}));
  EXPECT_EQ(list(parsed.rows.label_offsets), (std::vector<int64_t>{0, 3, 3, 4, 4}));
  EXPECT_EQ(list(parsed.rows.indptr), (std::vector<int64_t>{0, 1, 3, 3, 4}));
}

TEST(Svmlight, SaysWhatIsWrongAndWhere) {
  struct Case {
    std::string text;
    uint64_t offset;
    std::string what;
    SvmlightFormat format = {};
  };
  const std::vector<Case> cases = {
      {"1 2:1\nspam 1:2\n", 6, "the label 'spam' is no number"},
      {"1,2 1:2\n", 0, "multilabel=True where lines have several"},
      {"1:2\n", 0, "multilabel=True where lines may have none"},
      {"1,,2 1:2\n", 2, "the label '' is no number", {.multilabel = true}},
      {"1 2:1 7\n", 6, "expected index:value, found '7'"},
      {"1 x:1\n", 2, "the index 'x' is no whole number"},
      {"1 1.5:1\n", 2, "the index '1.5' is no whole number"},
      {"1 :1\n", 2, "the index '' is no whole number"},
      {"1 1:\n", 4, "the value '' of the index 1"},
      {"1 1:0x1p3\n", 4, "the value '0x1p3' of the index 1"},
      {"1 1:2:3\n", 4, "the value '2:3' of the index 1"},
      {"1 1:nan(1)\n", 4, "the value 'nan(1)'"},
      {"1 3:1 2:1\n", 6, "the index 2 follows 3"},
      {"1 3:1 3:1\n", 6, "the index 3 follows 3"},
      {"1 -3:1\n", 2, "the index -3 is negative"},
      {"1 -1:1\n", 2, "the index -1 is negative", {.lowest_index = 1}},
      {"1 -99999999999999999999:1\n", 2, "is negative; indices are whole"},
      {"1 0:1\n", 2, "the index 0 is below 1", {.lowest_index = 1}},
      {"1 2147483648:1\n", 2, "the index 2147483648 is above 2147483647, the largest"},
      {"1 99999999999999999999:1\n", 2, "is above 2147483647"},
      {"1 9:1 10:1\n", 6, "the index 10 is above 9, the last of columns=", {.highest_index = 9}},
      {"1 2:1 qid:3\n", 6, "a query id stands right behind the label"},
      {"1 qid:x\n", 2, "the query id 'x' is no whole number", {.query_id = true}},
      {"1 qid:1\n2 1:1\n", 8, "the line has no qid:", {.query_id = true}},
      {std::string("1 1:2\0 2:3\n", 11), 4, "the value '2\\x00' of"},
      {"\x1F\x8B\x08\n", 0, "compressed by gzip"},
      {"\x1F\x8B\x08:\n", 0, "compressed by gzip", {.multilabel = true}},
      {"\xFD"
       "7zXZ\n",
       0, "compressed by xz"},
      {"1 1:1\n\x1F\x8B 1:1\n", 6, "the label '\\x1f\\x8b' is no number"},
      {"\xEF\xBB\xBF"
       "1 1:2\n",
       0, "byte order mark"},
      {std::string(100000, '1') + "\n", 0, "more than 65536 characters"},
  };
  for (const Case& one : cases) {
    // Small pieces too, but for the long word, of which all must be in one piece.
    for (const size_t step : {SIZE_MAX, size_t{1}}) {
      const bool is_long = one.text.size() > SvmlightParser::kLongestNumber;
      if (is_long && step == SIZE_MAX) {
        continue;  // a whole long number is one
      }
      const Parsed parsed = parse(one.text, one.format, is_long ? 1000 : step);
      ASSERT_TRUE(parsed.fault) << one.text;
      EXPECT_EQ(parsed.fault->offset, one.offset) << one.text;
      EXPECT_NE(parsed.fault->what.find(one.what), std::string::npos) << parsed.fault->what;
    }
  }
}

TEST(Svmlight, PassesOverCommentsOfAnyLength) {
  const std::string text = "1 1:1 #" + std::string(200000, 'x') + "\n2 1:1\n";
  const Parsed parsed = parse(text, {}, 1000);
  ASSERT_FALSE(parsed.fault) << parsed.fault->what;
  EXPECT_EQ(list(parsed.rows.labels), (std::vector<double>{1, 2}));
}

TEST(SvmlightRows, AreEmptyAfterClearAndKnowTheirIndices) {
  Parsed parsed = parse("1 5:1\n");
  parsed.rows.clear();
  EXPECT_EQ(parsed.rows.rows(), 0U);
  EXPECT_EQ(parsed.rows.highest_index, 5);
}

TEST(SvmlightRows, HaveRoomForTimesAsMany) {
  Parsed parsed = parse("1 5:1\n2 6:1\n");
  parsed.rows.reserve_times(100);
  EXPECT_GE(parsed.rows.indices.capacity(), 200U);
  EXPECT_GE(parsed.rows.doubles.capacity(), 200U);
  parsed.rows.fit();
  EXPECT_EQ(parsed.rows.doubles.capacity(), 2U);
}

}  // namespace
}  // namespace headrace
