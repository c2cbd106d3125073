#include "transform/murmur3.h"

#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace headrace {
namespace {

struct Known {
  std::string_view text;
  uint32_t hash;
};

// What sklearn.utils.murmurhash3_32(text, seed=0, positive=True) gives: a rest of 0 to 3 bytes.
TEST(Murmur3, IsThatOfScikitLearn) {
  for (const Known& known :
       {Known{"", 0x00000000U}, Known{"a", 0x3C2569B2U}, Known{"ab", 0x9BBFD75FU},
        Known{"abc", 0xB3DD93FAU}, Known{"test", 0xBA6BD213U}, Known{"Hello, world!", 0xC0363E43U},
        Known{"The quick brown fox jumps over the lazy dog", 0x2E4FF723U},
        Known{"\xC3\xA9t\xC3\xA9", 0x3393660FU}}) {
    EXPECT_EQ(murmur3(known.text), known.hash) << known.text;
  }
}

TEST(Murmur3, CountsBytesBeyondTheFirstNul) {
  EXPECT_NE(murmur3(std::string_view("a\0b", 3)), murmur3("a"));
  EXPECT_NE(murmur3(std::string_view("a\0", 2)), murmur3("a"));
}

TEST(Murmur3, ReadsTextThatIsNotAligned) {
  const std::string text = "xThe quick brown fox";
  EXPECT_EQ(murmur3(std::string_view(text).substr(1)), murmur3("The quick brown fox"));
}

TEST(Murmur3Prefixes, HashEveryBeginningOfAText) {
  const std::string text = "The quick brown fox jumps over the lazy dog";
  const std::string readable = text + std::string(Murmur3Prefixes::kReadBehind, '!');
  for (size_t first = 0; first < 5; ++first) {
    Murmur3Prefixes prefixes(readable.data() + first);
    for (size_t end = first; end <= text.size(); ++end) {
      const std::string_view prefix = std::string_view(text).substr(first, end - first);
      ASSERT_EQ(prefixes.to(readable.data() + end), murmur3(prefix)) << prefix;
      ASSERT_EQ(prefixes.to(readable.data() + end), murmur3(prefix)) << "asked for again";
    }
  }
}

}  // namespace
}  // namespace headrace
