#include "base/utf8.h"

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

}  // namespace
}  // namespace headrace
