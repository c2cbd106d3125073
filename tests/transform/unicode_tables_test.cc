#include "transform/unicode_tables.h"

#include <algorithm>
#include <functional>
#include <string>

#include <gtest/gtest.h>

namespace headrace {
namespace {

// tests/tools compares them with Python, which they are made of; here is what readers rely on.
TEST(UnicodeTables, ChangesRiseAndEnd) {
  for (const auto changes : {unicode_tables::word(), unicode_tables::space(),
                             unicode_tables::cased(), unicode_tables::ignorable()}) {
    ASSERT_FALSE(changes.empty());
    EXPECT_EQ(std::adjacent_find(changes.begin(), changes.end(), std::greater_equal<>()),
              changes.end());
    EXPECT_EQ(changes.size() % 2, 0U);
    EXPECT_LE(changes.back(), 0x110000U);
  }
}

TEST(UnicodeTables, RunsOfLowerCaseRiseAndLeadToCharacters) {
  char32_t before = 0;
  for (const unicode_tables::LowerRun& run : unicode_tables::lower()) {
    EXPECT_GT(run.first, before);
    EXPECT_GE(run.last, run.first);
    ASSERT_GT(run.step, 0U);
    EXPECT_EQ((run.last - run.first) % run.step, 0U);
    for (const char32_t code : {run.first, run.last}) {
      const auto lower = static_cast<int64_t>(code) + run.delta;
      EXPECT_GE(lower, 0);
      EXPECT_LT(lower, 0x110000);
      EXPECT_FALSE(lower >= 0xD800 && lower < 0xE000);
    }
    before = run.last;
  }
}

TEST(UnicodeTables, NameTheirVersion) {
  EXPECT_EQ(std::string(unicode_tables::version()), "14.0.0");
}

}  // namespace
}  // namespace headrace
