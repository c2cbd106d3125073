#include "base/quoted_bytes.h"

#include <string>

#include <gtest/gtest.h>

namespace headrace {
namespace {

TEST(QuotedBytes, ShowsTextAsItIs) {
  EXPECT_EQ(quoted_bytes(""), "''");
  EXPECT_EQ(quoted_bytes("1:0.5"), "'1:0.5'");
  EXPECT_EQ(quoted_bytes("\xC3\xA9t\xC3\xA9 \xF0\x9F\x98\x80"),
            "'\xC3\xA9t\xC3\xA9 \xF0\x9F\x98\x80'");
}

TEST(QuotedBytes, WritesOutWhatWouldNotBeSeen) {
  EXPECT_EQ(quoted_bytes(std::string("a\0b", 3)), "'a\\x00b'");
  EXPECT_EQ(quoted_bytes("\x1F\x8B\x08\x7F"), "'\\x1f\\x8b\\x08\\x7f'");
  EXPECT_EQ(quoted_bytes("\xEF\xBB\xBF"
                         "1"),
            "'\\xef\\xbb\\xbf1'");
  EXPECT_EQ(quoted_bytes("\xC2\x85"), "'\\xc2\\x85'") << "a control character above ASCII";
  EXPECT_EQ(quoted_bytes("x\xC3"), "'x\\xc3'") << "a character that is cut";
  EXPECT_EQ(quoted_bytes("\xED\xA0\x80"), "'\\xed\\xa0\\x80'") << "a surrogate";
}

TEST(QuotedBytes, CutsWhatIsLong) {
  EXPECT_EQ(quoted_bytes(std::string(40, 'x')), "'" + std::string(40, 'x') + "'");
  EXPECT_EQ(quoted_bytes(std::string(41, 'x')), "'" + std::string(40, 'x') + "'...");
  EXPECT_EQ(quoted_bytes(std::string(39, 'x') + "\xC3\xA9"),
            "'" + std::string(39, 'x') + "\\xc3'...");
}

TEST(WithoutNuls, WritesThemOut) {
  EXPECT_EQ(without_nuls("plain\n"), "plain\n");
  EXPECT_EQ(without_nuls(std::string("\0a\0", 3)), "\\x00a\\x00");
}

}  // namespace
}  // namespace headrace
