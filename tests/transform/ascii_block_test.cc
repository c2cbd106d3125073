#include "transform/ascii_block.h"

#include <array>
#include <cctype>
#include <string>

#include <gtest/gtest.h>

namespace headrace {
namespace {

TEST(AsciiBlock, TellsEveryByteAtEveryPlace) {
  for (int byte = 0; byte < 256; ++byte) {
    for (size_t place = 0; place < AsciiBlock::kBytes; ++place) {
      for (const char others : {' ', 'x', '\x80'}) {
        std::array<char, AsciiBlock::kBytes> bytes{};
        bytes.fill(others);
        bytes[place] = static_cast<char>(byte);
        const AsciiBlock block = read_ascii_block(bytes.data());
        const uint64_t bit = uint64_t{1} << place;
        const bool word = byte < 0x80 && (std::isalnum(byte) != 0 || byte == '_');
        ASSERT_EQ(block.word & bit, word ? bit : 0) << byte << " at " << place;
        ASSERT_EQ(block.wide & bit, byte >= 0x80 ? bit : 0) << byte << " at " << place;
        ASSERT_EQ(block.word & ~bit, others == 'x' ? ~bit : 0);
        ASSERT_EQ(block.wide & ~bit, others == '\x80' ? ~bit : 0);
      }
    }
  }
}

TEST(AsciiBlock, CopiesInLowerCaseOrAsItIs) {
  for (int first = 0; first < 0x80; first += static_cast<int>(kCopied)) {
    std::string text;
    std::string lower;
    for (int byte = first; byte < first + static_cast<int>(kCopied); ++byte) {
      text.push_back(static_cast<char>(byte));
      lower.push_back(static_cast<char>(std::tolower(byte)));
    }
    std::array<char, kCopied> copy{};
    copy_ascii(text.data(), copy.data(), true);
    EXPECT_EQ(std::string(copy.begin(), copy.end()), lower);
    copy_ascii(text.data(), copy.data(), false);
    EXPECT_EQ(std::string(copy.begin(), copy.end()), text);
  }
}

}  // namespace
}  // namespace headrace
