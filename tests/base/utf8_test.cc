#include "base/utf8.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace headrace {
namespace {

bool check(const std::string& text) { return is_utf8(std::as_bytes(std::span(text))); }

// The encoding of `code` in `length` bytes, whether that is allowed or not.
std::string encode(uint32_t code, int length) {
  constexpr uint8_t kLeads[] = {0, 0, 0xC0, 0xE0, 0xF0};
  if (length == 1) {
    return std::string(1, static_cast<char>(code));
  }
  std::string text;
  for (int i = length - 1; i > 0; --i) {
    text.insert(text.begin(), static_cast<char>(0x80 | (code & 0x3F)));
    code >>= 6;
  }
  text.insert(text.begin(), static_cast<char>(kLeads[length] | code));
  return text;
}

int shortest(uint32_t code) {
  if (code < 0x80) {
    return 1;
  }
  if (code < 0x800) {
    return 2;
  }
  return code < 0x10000 ? 3 : 4;
}

TEST(Utf8, AcceptsEveryCodePointInItsShortestForm) {
  for (uint32_t code = 0; code <= 0x1FFFFF; ++code) {
    const bool allowed = code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
    ASSERT_EQ(check(encode(code, shortest(code))), allowed) << std::hex << code;
  }
}

TEST(Utf8, RefusesLongerFormsThanNeeded) {
  for (uint32_t code = 0; code < 0x10000; ++code) {
    for (int length = shortest(code) + 1; length <= 4; ++length) {
      ASSERT_FALSE(check(encode(code, length))) << std::hex << code << " in " << length;
    }
  }
}

TEST(Utf8, RefusesCutAndBrokenSequences) {
  for (const uint32_t code : {0xE9U, 0x20ACU, 0x1F600U}) {
    const std::string whole = encode(code, shortest(code));
    for (size_t cut = 1; cut < whole.size(); ++cut) {
      EXPECT_FALSE(check(whole.substr(0, cut)));
      EXPECT_FALSE(check(whole.substr(cut)));
      EXPECT_FALSE(check(whole.substr(0, cut) + "a" + whole.substr(cut)));
    }
  }
  for (const int lead : {0x80, 0xBF, 0xC0, 0xC1, 0xF5, 0xFF}) {
    EXPECT_FALSE(check(std::string(1, static_cast<char>(lead)) + "\x80\x80\x80"));
  }
}

TEST(Utf8, FindsABadByteAtEveryPlaceOfALongText) {
  const std::string good(70, 'x');
  EXPECT_TRUE(check(good));
  EXPECT_TRUE(check(""));
  for (size_t place = 0; place < good.size(); ++place) {
    std::string bad = good;
    bad[place] = '\xFF';
    EXPECT_FALSE(check(bad)) << place;
  }
}

// The faults that are replaced one after another: "offset+length".
std::string faults(const std::string& text) {
  std::string found;
  auto rest = std::as_bytes(std::span(text));
  uint64_t before = 0;
  while (const auto fault = find_utf8_fault(rest)) {
    found += std::to_string(before + fault->offset) + "+" + std::to_string(fault->length) + " ";
    before += fault->offset + fault->length;
    rest = rest.subspan(fault->offset + fault->length);
  }
  return found;
}

TEST(Utf8, FaultsAreWhatPythonReplaces) {
  EXPECT_EQ(faults("pl\xC3\xA4in"), "");
  EXPECT_EQ(faults("a\x80\xBF"), "1+1 2+1 ");                 // no lead byte
  EXPECT_EQ(faults("\xC0\x80\xC1\xBF"), "0+1 1+1 2+1 3+1 ");  // overlong
  EXPECT_EQ(faults("\xE2\x82z"), "0+2 ");                     // cut short by another character
  EXPECT_EQ(faults("z\xE2\x82"), "1+2 ");                     // or by the end
  EXPECT_EQ(faults("\xE0\x80\x80"), "0+1 1+1 2+1 ");          // overlong
  EXPECT_EQ(faults("\xED\xA0\x80"), "0+1 1+1 2+1 ");          // a surrogate
  EXPECT_EQ(faults("\xF0\x9F\x98"), "0+3 ");
  EXPECT_EQ(faults("\xF0\x9F\x98\xF0\x9F\x98\x80"), "0+3 ");
  EXPECT_EQ(faults("\xF4\x90\x80\x80"), "0+1 1+1 2+1 3+1 ");  // beyond U+10FFFF
  EXPECT_EQ(faults("\xF5\xFF"), "0+1 1+1 ");
}

TEST(Utf8, CharactersAreDecodedAsTheyAreEncoded) {
  for (char32_t code = 0; code <= 0x10FFFF; ++code) {
    if (code >= 0xD800 && code <= 0xDFFF) {
      continue;
    }
    std::array<char, kLongestUtf8> bytes{};
    char* const end = encode_utf8(code, bytes.data());
    const std::string expected = encode(code, shortest(code));
    ASSERT_EQ(std::string(bytes.data(), end), expected);
    const char* at = bytes.data();
    ASSERT_EQ(decode_utf8(at), code);
    ASSERT_EQ(at, end);
    ASSERT_EQ(previous_utf8(end), bytes.data());
  }
}

}  // namespace
}  // namespace headrace
