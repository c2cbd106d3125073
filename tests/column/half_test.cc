#include "column/half.h"

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "testing/number_oracle.h"

namespace headrace {
namespace {

// One test body for both formats.
struct HalfCase {
  using Type = Half;
  static constexpr FloatFormat kFormat = kHalfFormat;
  static Type round(double value) { return to_half(value); }
  static Type round(float value) { return to_half(value); }
};
struct BfloatCase {
  using Type = Bfloat;
  static constexpr FloatFormat kFormat = kBfloatFormat;
  static Type round(double value) { return to_bfloat(value); }
  static Type round(float value) { return to_bfloat(value); }
};

template <typename Case>
class SmallFloat : public testing::Test {
 protected:
  using Type = typename Case::Type;

  static uint16_t bits(double value) { return Case::round(value).bits; }
  static double value(uint16_t bits) { return to_float(Type{bits}); }
  static uint16_t infinity() { return small_float_bits(HUGE_VALL, Case::kFormat); }
  // What the oracle says of a double.
  static uint16_t expected(double value) {
    return small_float_bits(round_to(value, Case::kFormat), Case::kFormat);
  }
};

using Cases = testing::Types<HalfCase, BfloatCase>;
TYPED_TEST_SUITE(SmallFloat, Cases);

TYPED_TEST(SmallFloat, EveryPatternHasItsValueAndComesBack) {
  for (uint32_t pattern = 0; pattern < 65'536; ++pattern) {
    const auto bits = static_cast<uint16_t>(pattern);
    const long double expected = small_float_value(bits, TypeParam::kFormat);
    const double value = this->value(bits);
    ASSERT_EQ(std::isnan(value), std::isnan(expected)) << pattern;
    ASSERT_EQ(std::signbit(value), (bits & 0x8000U) != 0) << pattern;
    if (std::isnan(value)) {
      const uint16_t back = this->bits(value);
      ASSERT_GT(back & 0x7FFFU, this->infinity()) << pattern;
      ASSERT_EQ(back & 0x8000U, bits & 0x8000U) << pattern;
    } else {
      ASSERT_EQ(static_cast<long double>(value), expected) << pattern;
      ASSERT_EQ(this->bits(value), bits) << pattern;
    }
  }
}

TYPED_TEST(SmallFloat, RoundsBetweenAllNeighboursToTheNearestAndTiesToEven) {
  for (uint16_t low = 0; low < this->infinity() - 1; ++low) {
    const auto high = static_cast<uint16_t>(low + 1);
    const double middle = (this->value(low) + this->value(high)) / 2;  // exact in a double
    const uint16_t even = (low & 1U) == 0 ? low : high;
    ASSERT_EQ(this->bits(middle), even) << low;
    ASSERT_EQ(this->bits(-middle), even | 0x8000U) << low;
    ASSERT_EQ(this->bits(std::nextafter(middle, 0.0)), low) << low;
    ASSERT_EQ(this->bits(std::nextafter(middle, HUGE_VAL)), high) << low;
  }
}

TYPED_TEST(SmallFloat, BeyondTheLargestNumberRoundsToInfinity) {
  const auto largest = static_cast<uint16_t>(this->infinity() - 1);
  const double last = this->value(largest);
  const double step = last - this->value(static_cast<uint16_t>(largest - 1));
  EXPECT_EQ(this->bits(last + step / 2), this->infinity());  // a tie, and infinity is even
  EXPECT_EQ(this->bits(std::nextafter(last + step / 2, 0.0)), largest);
  EXPECT_EQ(this->bits(std::numeric_limits<double>::max()), this->infinity());
  EXPECT_EQ(this->bits(HUGE_VAL), this->infinity());
  EXPECT_EQ(this->bits(-HUGE_VAL), this->infinity() | 0x8000U);
}

TYPED_TEST(SmallFloat, TinyNumbersBecomeAZeroOfTheirSign) {
  const double least = this->value(1);
  for (const double value : {least / 2, least / 4, 1e-300, 5e-324, 0.0}) {
    EXPECT_EQ(this->bits(value), 0U) << value;
    EXPECT_EQ(this->bits(-value), 0x8000U) << value;
  }
  EXPECT_EQ(this->bits(std::nextafter(least / 2, 1.0)), 1U);
}

TYPED_TEST(SmallFloat, IsNotRoundedTwiceByWayOfAFloat) {
  // A float would round the last bit away and leave a tie, which then goes the wrong way.
  const double value = 1.0 + std::ldexp(1.0, -TypeParam::kFormat.fraction_bits - 1) + 0x1p-40;
  ASSERT_NE(this->bits(static_cast<double>(static_cast<float>(value))), this->bits(value));
  EXPECT_EQ(this->value(this->bits(value)),
            1.0 + std::ldexp(1.0, -TypeParam::kFormat.fraction_bits));
}

TYPED_TEST(SmallFloat, NanStaysNanWhateverItsPayload) {
  for (const uint64_t payload : {1ULL, 1ULL << 20, 1ULL << 41, 1ULL << 42, 1ULL << 51}) {
    for (const uint64_t sign : {0ULL, 1ULL << 63}) {
      const auto nan = std::bit_cast<double>(sign | 0x7FF0000000000000ULL | payload);
      const uint16_t bits = this->bits(nan);
      EXPECT_GT(bits & 0x7FFFU, this->infinity()) << payload;
      EXPECT_EQ((bits & 0x8000U) != 0, sign != 0) << payload;
    }
  }
}

TYPED_TEST(SmallFloat, RoundsRandomDoublesAsTheOracleDoes) {
  constexpr uint64_t kSeed = 5;
  SCOPED_TRACE(kSeed);
  std::mt19937_64 random(kSeed);
  for (int i = 0; i < 200'000; ++i) {
    // Exponents around the range of the format; any fraction.
    const auto exponent = static_cast<int>(random() % 320) - 160;
    const double value =
        std::ldexp(1.0 + std::ldexp(static_cast<double>(random() >> 12), -52), exponent) *
        ((random() & 1U) != 0 ? -1 : 1);
    ASSERT_EQ(this->bits(value), this->expected(value)) << std::hexfloat << value;
  }
}

TYPED_TEST(SmallFloat, OfAFloatIsThatOfTheSameDouble) {
  // Every exponent, and all bits around what is cut off; ties and their neighbours among them.
  for (uint64_t upper = 0; upper < uint64_t{1} << 32; upper += uint64_t{1} << 12) {
    for (const uint64_t lower : {0x0U, 0x1U, 0x7FFU, 0x800U, 0xFFFU}) {
      const auto value = std::bit_cast<float>(static_cast<uint32_t>(upper | lower));
      const uint16_t expected = this->bits(static_cast<double>(value));
      ASSERT_EQ(TypeParam::round(value).bits, expected) << std::hexfloat << value;
    }
  }
}

}  // namespace
}  // namespace headrace
