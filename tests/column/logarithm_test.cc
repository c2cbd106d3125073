#include "column/logarithm.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include <gtest/gtest.h>

namespace headrace {
namespace {

// One float in `step`, of all signs, sizes and kinds.
std::vector<float> floats(uint64_t step) {
  std::vector<float> values;
  for (uint64_t bits = 0; bits < uint64_t{1} << 32; bits += step) {
    values.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits)));
  }
  return values;
}

// Units in the last place of a float with this value.
double ulps(double error, double value) {
  return std::fabs(error) / std::ldexp(1.0, std::max(std::ilogb(value), -126) - 23);
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

double error_of(float x, float logarithm) {
  const double expected = std::log1p(static_cast<double>(x));  // exact beside a float
  return ulps(logarithm - expected, expected);
}

TEST(Log1p, OfFloatsIsNearTheTrueOneForFloatsOfEverySize) {
  const std::vector<float> values = floats(1009);
  std::vector<float> logarithms = values;
  log1p(std::span(logarithms));
  double worst = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!(values[i] > -1)) {  // NaN too
      ASSERT_TRUE(std::isnan(logarithms[i])) << values[i];
    } else if (std::isfinite(values[i]) && values[i] != 0) {
      const double error = error_of(values[i], logarithms[i]);
      ASSERT_LE(error, 0.92) << values[i];
      worst = std::max(worst, error);
    }
  }
  EXPECT_GE(worst, 0.8) << "the header says 0.92, which has become too much";
}

TEST(Log1p, IsNearTheTrueOneAroundTheEndsOfItsReductions) {
  for (const float end : {0.5F, -0.25F, 2.0F, -0.625F, 5.0F, 16777216.0F}) {
    const auto bits = std::bit_cast<uint32_t>(end);
    for (uint32_t near = bits - 2000; near != bits + 2000; ++near) {
      const auto x = std::bit_cast<float>(near);
      float logarithm = x;
      log1p(std::span(&logarithm, 1));
      ASSERT_LE(error_of(x, logarithm), x == 0x1.FFFFFEp-2F ? 1.3 : 0.92) << std::hexfloat << x;
    }
  }
}

TEST(Log1p, OfFloatsAscends) {
  std::vector<float> values;
  for (uint32_t bits = 0; bits < 0x7F800000; bits += 997) {
    values.push_back(std::bit_cast<float>(bits));
  }
  log1p(std::span(values));
  EXPECT_TRUE(std::is_sorted(values.begin(), values.end()));
}

TEST(Log1p, IsTheSameForEveryVectorSet) {
  const std::vector<float> values = floats(10'007);
  std::vector<float> expected = values;
  log1p(std::span(expected), VectorSet::kBaseline);
  for (uint8_t set = 1; set <= static_cast<uint8_t>(vector_set()); ++set) {
    std::vector<float> found = values;
    log1p(std::span(found), static_cast<VectorSet>(set));
    EXPECT_TRUE(same_bits(found, expected)) << int{set};
  }
}

TEST(Log1p, IsTheSameWhereverAValueStands) {
  // Each value in each place of arrays that end within a vector.
  const std::vector<float> values = floats(16'000'057);
  for (size_t count = 1; count <= 67; ++count) {
    for (const float value : values) {
      float alone = value;
      log1p(std::span(&alone, 1));
      std::vector<float> together(count, value);
      log1p(std::span(together));
      ASSERT_TRUE(same_bits(together, std::vector<float>(count, alone))) << value << " " << count;
    }
  }
}

TEST(Log1p, KeepsTheEndsAndTheZeros) {
  std::vector<float> floats = {-1, HUGE_VALF, -HUGE_VALF, -2, NAN, 0.0F, -0.0F, 1e-45F, -1e-45F};
  std::vector<double> doubles(floats.begin(), floats.end() - 2);
  log1p(std::span(floats));
  log1p(std::span(doubles));
  const auto check = [](const auto& values) {
    EXPECT_EQ(values[0], -HUGE_VAL);
    EXPECT_EQ(values[1], HUGE_VAL);
    EXPECT_TRUE(std::isnan(values[2]) && std::isnan(values[3]) && std::isnan(values[4]));
    EXPECT_TRUE(values[5] == 0 && !std::signbit(values[5]));
    EXPECT_TRUE(values[6] == 0 && std::signbit(values[6]));
  };
  check(floats);
  check(doubles);
  EXPECT_EQ(floats[7], 1e-45F);
  EXPECT_EQ(floats[8], -1e-45F);
}

}  // namespace
}  // namespace headrace
