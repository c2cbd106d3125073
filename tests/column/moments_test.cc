#include "column/moments.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include <gtest/gtest.h>

namespace headrace {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<double> some_numbers(size_t count, double mean) {
  std::mt19937_64 random(5);
  std::normal_distribution<double> normal(mean, 2);
  std::vector<double> numbers(count);
  for (double& number : numbers) {
    number = normal(random);
  }
  return numbers;
}

TEST(Moments, AreThoseOfTheDefinition) {
  Moments moments(2);
  moments.add(std::vector<double>{1, 10, 3, 30, 5, 80});
  EXPECT_EQ(moments.counts(), (std::vector<uint64_t>{3, 3}));
  EXPECT_EQ(moments.means(), (std::vector<double>{3, 40}));
  EXPECT_EQ(moments.squares(), (std::vector<double>{8, 2600}));
  EXPECT_EQ(moments.lows(), (std::vector<double>{1, 10}));
  EXPECT_EQ(moments.highs(), (std::vector<double>{5, 80}));
}

TEST(Moments, LeaveOutNaN) {
  const double nan = std::nan("");
  Moments moments(2);
  moments.add(std::vector<double>{1, nan, nan, nan, 3, nan});
  EXPECT_EQ(moments.counts(), (std::vector<uint64_t>{2, 0}));
  EXPECT_EQ(moments.means(), (std::vector<double>{2, 0}));
  EXPECT_EQ(moments.squares(), (std::vector<double>{2, 0}));
  EXPECT_EQ(moments.lows(), (std::vector<double>{1, kInfinity}));
  EXPECT_EQ(moments.highs(), (std::vector<double>{3, -kInfinity}));
}

TEST(Moments, OfPartsAreThoseOfTheWhole) {
  // So far from 0 that the difference of squares would have no correct digit.
  const std::vector<double> numbers = some_numbers(10000, 1e9);
  long double sum = 0;
  for (const double number : numbers) {
    sum += number;
  }
  const long double mean = sum / 10000;
  long double squares = 0;
  for (const double number : numbers) {
    squares += (number - mean) * (number - mean);
  }
  for (const size_t part : {1U, 7U, 1000U, 10000U}) {
    Moments all(1);
    for (size_t first = 0; first < numbers.size(); first += part) {
      Moments one(1);
      one.add(std::span(numbers).subspan(first, std::min(part, numbers.size() - first)));
      all.merge(one);
    }
    EXPECT_EQ(all.counts()[0], numbers.size());
    EXPECT_NEAR(all.means()[0], static_cast<double>(mean), 4e-6) << part;
    EXPECT_NEAR(all.squares()[0] / static_cast<double>(squares), 1, 2e-8) << part;
  }
}

TEST(Moments, OfOneBlockAreAsExactAsNumbersAre) {
  const std::vector<double> numbers = some_numbers(100000, 1e9);
  long double sum = 0;
  for (const double number : numbers) {
    sum += number;
  }
  Moments moments(1);
  moments.add(numbers);
  EXPECT_NEAR(moments.means()[0], static_cast<double>(sum / 100000), 1.2e-7);
}

TEST(Moments, MergedWithNothingAreTheSame) {
  Moments moments(1);
  moments.add(some_numbers(100, 3));
  Moments other(1);
  other.merge(moments);
  other.merge(Moments(1));
  EXPECT_EQ(other.means(), moments.means());
  EXPECT_EQ(other.squares(), moments.squares());
}

TEST(Moments, AreMadeOfWhatWasTold) {
  Moments moments(1);
  moments.add(some_numbers(100, 3));
  const Moments told(moments.counts(), moments.means(), moments.squares(), moments.lows(),
                     moments.highs());
  EXPECT_EQ(told.width(), 1U);
  EXPECT_EQ(told.squares(), moments.squares());
}

}  // namespace
}  // namespace headrace
