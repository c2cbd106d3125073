#include "transform/digits.h"

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

namespace headrace {
namespace {

TEST(Digits, AreCountedUpToTheFirstOtherByte) {
  const std::string eight = "12345678";
  for (unsigned count = 0; count <= 8; ++count) {
    for (int other = 0; other < 256; ++other) {
      if (other >= '0' && other <= '9') {
        continue;
      }
      std::string text = eight;
      if (count < 8) {
        text[count] = static_cast<char>(other);
      }
      EXPECT_EQ(count_digits(load_digits(text.data())), count) << "byte " << other;
    }
  }
}

TEST(Digits, AreToldFromOtherBytesIn32) {
  std::string text = "0123456789:./019 -a" + std::string(32, '7');
  EXPECT_EQ(other_bytes(text.data()), 0x71C00U);
  for (int other = 0; other < 256; ++other) {
    text.assign(32, static_cast<char>(other));
    EXPECT_EQ(other_bytes(text.data()), other >= '0' && other <= '9' ? 0U : ~0U) << other;
  }
}

TEST(Digits, AreTheNumberThatTheyShow) {
  for (const uint64_t number : {0U, 7U, 10U, 999U, 4096U, 31415U, 100000U, 9999999U, 99999999U}) {
    const std::string digits = std::to_string(number);
    const std::string text = digits + ":9999999";
    EXPECT_EQ(digits_value(load_digits(text.data()), static_cast<unsigned>(digits.size())), number);
  }
  EXPECT_EQ(digits_value(load_digits("00000042"), 8), 42U);
  EXPECT_EQ(digits_value(load_digits("99999999"), 0), 0U);
}

}  // namespace
}  // namespace headrace
