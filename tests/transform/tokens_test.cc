#include "transform/tokens.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "testing/tokens.h"
#include "transform/murmur3.h"

namespace headrace {
namespace {

using Texts = std::vector<std::string>;

TEST(TokenBuffer, KeepsTokensAndWhatJoinsThem) {
  TokenBuffer buffer;
  add_tokens(buffer, {"to", "be", "or"}, " ");
  EXPECT_EQ(texts_of(buffer), (Texts{"to", "be", "or"}));
  EXPECT_EQ(std::string(buffer.text(), buffer.tokens()[2].end), "to be or");
}

TEST(TokenBuffer, DropsTokensInFront) {
  TokenBuffer buffer;
  add_tokens(buffer, {"to", "be", "or"}, " ");
  buffer.drop_front(0);
  buffer.drop_front(2);
  EXPECT_EQ(texts_of(buffer), Texts{"or"});
  add_tokens(buffer, {"not"}, " ");
  EXPECT_EQ(texts_of(buffer), (Texts{"or", "not"}));
  EXPECT_EQ(buffer.tokens()[0].begin, 0U);
  buffer.drop_front(2);
  EXPECT_TRUE(buffer.tokens().empty());
}

TEST(TokenBuffer, KeepsTheTokenThatIsNotWhole) {
  TokenBuffer buffer;
  add_tokens(buffer, {"to", "be"}, " ");
  const std::string_view part = "ques";
  char* const begin = buffer.room(part.size());
  buffer.finish(begin, std::copy(part.begin(), part.end(), begin));
  EXPECT_EQ(buffer.open_bytes(), part.size());
  buffer.drop_front(2);
  EXPECT_EQ(buffer.open_bytes(), part.size());
  char* const rest = buffer.room(4);
  EXPECT_EQ(std::string(rest - 4, rest), "ques");
}

TEST(TokenBuffer, HasBytesToReadBehindItsText) {
  TokenBuffer buffer;
  for (int i = 0; i < 50; ++i) {
    add_tokens(buffer, {std::string(static_cast<size_t>(i), 'x')}, "");
    const char* const end = buffer.text() + buffer.tokens().back().end;
    // AddressSanitizer sees it where there are none.
    EXPECT_EQ(std::string(end, Murmur3Prefixes::kReadBehind).size(), Murmur3Prefixes::kReadBehind);
  }
  buffer.clear();
  EXPECT_TRUE(buffer.tokens().empty());
  EXPECT_EQ(buffer.open_bytes(), 0U);
}

}  // namespace
}  // namespace headrace
