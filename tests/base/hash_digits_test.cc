#include "base/hash_digits.h"

#include <gtest/gtest.h>

namespace headrace {
namespace {

TEST(HashDigits, AreSixteenLowerCaseHexadecimalDigits) {
  EXPECT_EQ(hash_digits(0), "0000000000000000");
  EXPECT_EQ(hash_digits(0x0123456789abcdef), "0123456789abcdef");
  EXPECT_EQ(hash_digits(UINT64_MAX), "ffffffffffffffff");
}

TEST(HashDigits, AreParsedBack) {
  for (const uint64_t hash : {uint64_t{0}, uint64_t{1}, uint64_t{0xfedcba9876543210}, UINT64_MAX}) {
    EXPECT_EQ(parse_hash_digits(hash_digits(hash)), hash);
  }
}

TEST(HashDigits, OfAnotherFormAreNothing) {
  for (const char* text : {"", "0", "00000000000000000", "000000000000000", "0123456789ABCDEF",
                           "0x00000000000000", " 000000000000000", "-000000000000000"}) {
    EXPECT_EQ(parse_hash_digits(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace headrace
