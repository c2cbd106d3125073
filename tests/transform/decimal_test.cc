#include "transform/decimal.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace headrace {
namespace {

uint64_t bits(double value) { return std::bit_cast<uint64_t>(value); }

// The number that both ways of reading give; fails where they differ.
double parsed(const std::string& text) {
  double value = 0;
  EXPECT_TRUE(parse_decimal(text, value)) << text;
  const std::string padded = text + " " + std::string(kDecimalPadding, '9');
  double quick = 0;
  const char* end = read_short_decimal(padded.data(), quick);
  if (end != nullptr) {
    if (end == padded.data() + text.size()) {
      EXPECT_EQ(bits(quick), bits(value)) << text;
    } else {
      EXPECT_EQ(*end | 0x20, 'e') << text << " was left at " << end;
    }
  }
  return value;
}

TEST(Decimal, IsTheNearestDouble) {
  std::mt19937_64 random(7);
  std::array<char, 64> text{};
  for (int i = 0; i < 20000; ++i) {
    const auto number = static_cast<double>(random() % 1000000007) / 1e4;
    const int digits = static_cast<int>(random() % 19);
    std::snprintf(text.data(), text.size(), "%.*f", digits, i % 2 == 0 ? number : -number / 1e5);
    EXPECT_EQ(bits(parsed(text.data())), bits(std::strtod(text.data(), nullptr))) << text.data();
    const double any = std::bit_cast<double>(random());
    if (std::isfinite(any)) {
      std::snprintf(text.data(), text.size(), "%.17g", any);
      EXPECT_EQ(bits(parsed(text.data())), bits(any)) << text.data();
    }
  }
}

TEST(Decimal, KnowsWhatPythonsFloatKnows) {
  EXPECT_EQ(parsed("+1"), 1);
  EXPECT_EQ(parsed("007"), 7);
  EXPECT_EQ(parsed("1."), 1);
  EXPECT_EQ(parsed(".5"), 0.5);
  EXPECT_EQ(parsed("1E3"), 1000);
  EXPECT_EQ(parsed("-1e-3"), -0.001);
  EXPECT_EQ(bits(parsed("-0")), bits(-0.0));
  EXPECT_EQ(bits(parsed("-0.000")), bits(-0.0));
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(parsed("inf"), kInfinity);
  EXPECT_EQ(parsed("-Infinity"), -kInfinity);
  EXPECT_TRUE(std::isnan(parsed("NaN")));
  EXPECT_TRUE(std::isnan(parsed("-nan")));
}

TEST(Decimal, IsInfiniteOrZeroBeyondTheRange) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(parsed("1e309"), kInfinity);
  EXPECT_EQ(parsed("-1e99999999999999999999"), -kInfinity);
  EXPECT_EQ(parsed("1" + std::string(400, '0')), kInfinity);
  EXPECT_EQ(parsed("1" + std::string(400, '0') + "e-300"), 1e100);
  EXPECT_EQ(bits(parsed("1e-400")), bits(0.0));
  EXPECT_EQ(bits(parsed("-1e-400")), bits(-0.0));
  EXPECT_EQ(parsed("0." + std::string(400, '0') + "1"), 0);
  EXPECT_EQ(parsed("0." + std::string(400, '0') + "1e300"), 1e-101);
  EXPECT_EQ(parsed("5e-324"), 5e-324);
  EXPECT_EQ(parsed("2e-324"), 0);
}

TEST(Decimal, IsNoOtherText) {
  for (const char* text :
       {"",      "+",   "-",    ".",       "-.",  "e5",    "1e",    "1e+",     "+-1",
        "--1",   "-+1", "1 ",   " 1",      "1,5", "0x10",  "0x1p3", "1_0",     "nan(1)",
        "nan()", "na",  "nano", "infinit", "in",  "1.2.3", "1f",    "\xC2\xB2"}) {
    double value = 0;
    EXPECT_FALSE(parse_decimal(text, value)) << text;
  }
}

TEST(Decimal, IsReadQuicklyOnlyWhereThatIsExact) {
  double value = 0;
  for (const std::string text : {"1", "-12.5", "0.1234567890123456", "1234567.123456", "0.5\n"}) {
    EXPECT_NE(read_short_decimal((text + std::string(kDecimalPadding, ' ')).data(), value), nullptr)
        << text;
  }
  for (const std::string text : {"", "-", ".", "+1", "12345678", "123456789", "0.12345678901234567",
                                 "9.999999999999999", "1234567.12345678901", "nan", "inf"}) {
    EXPECT_EQ(read_short_decimal((text + std::string(kDecimalPadding, ' ')).data(), value), nullptr)
        << text;
  }
}

}  // namespace
}  // namespace headrace
