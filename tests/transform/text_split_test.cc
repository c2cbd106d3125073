#include "transform/text_split.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace headrace {
namespace {

using Texts = std::vector<std::string>;

// The documents of `text` where it comes `step` bytes at a time, `most` documents in a call.
Texts documents_of(const std::string& text, TextSplit split, size_t step, size_t most = SIZE_MAX) {
  Texts documents;
  size_t begin = 0;
  for (size_t end = std::min(step, text.size());; end = std::min(end + step, text.size())) {
    std::vector<std::string_view> found;
    const std::string left = text.substr(begin, end - begin);
    begin += split_text(left, end == text.size(), split, most, found);
    EXPECT_LE(found.size(), most);
    documents.insert(documents.end(), found.begin(), found.end());
    if (end == text.size() && begin == end) {
      return documents;
    }
  }
}

void expect_documents(const std::string& text, TextSplit split, const Texts& expected) {
  for (size_t step = 1; step <= text.size() + 1; ++step) {
    for (const size_t most : {size_t{1}, size_t{2}, SIZE_MAX}) {
      EXPECT_EQ(documents_of(text, split, step, most), expected)
          << "in steps of " << step << " and " << most;
    }
  }
}

TEST(TextSplit, EndsLinesAsPythonDoes) {
  expect_documents("a\nb\r\nc\rd", TextSplit::kLine, {"a", "b", "c", "d"});
  expect_documents("a\n\n\r\r\n\n", TextSplit::kLine, {"a", "", "", "", ""});
  expect_documents("a\r", TextSplit::kLine, {"a"});
  expect_documents("\n", TextSplit::kLine, {""});
  expect_documents("", TextSplit::kLine, {});
  // These end lines for str.splitlines, and not for files.
  expect_documents("a\vb\f\x1C\xC2\x85\n", TextSplit::kLine, {"a\vb\f\x1C\xC2\x85"});
}

TEST(TextSplit, EndsParagraphsAtBlankLines) {
  expect_documents("\n \na b\nc\n\t\n\nd\r\n\r\ne", TextSplit::kParagraph, {"a b\nc", "d", "e"});
  expect_documents("a\r\nb\r\n", TextSplit::kParagraph, {"a\r\nb"});
  expect_documents(" \n\t", TextSplit::kParagraph, {});
  expect_documents("", TextSplit::kParagraph, {});
}

TEST(TextSplit, TakesAFileAsItIs) {
  expect_documents("a\n\nb", TextSplit::kFile, {"a\n\nb"});
  expect_documents("", TextSplit::kFile, {""});
}

TEST(TextSplit, LooksForEachKindOfLineEndOnce) {
  // In quadratic time these would be 10^12 steps.
  for (const char end : {'\r', '\n'}) {
    const std::string text(1'000'000, end);
    EXPECT_EQ(documents_of(text, TextSplit::kLine, text.size()).size(), text.size());
  }
}

}  // namespace
}  // namespace headrace
