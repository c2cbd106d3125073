#include "column/element_functions.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "column/logarithm.h"
#include "testing/errors.h"

namespace headrace {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
const double kNaN = std::nan("");

// What the function makes of numbers of T, at addresses that are aligned to nothing.
template <typename Result, typename T>
std::vector<Result> applied(const ElementFunction& function, DType dtype,
                            const std::vector<T>& numbers, uint64_t position = 0,
                            VectorSet set = vector_set()) {
  std::vector<std::byte> from(numbers.size() * sizeof(T) + 1);
  std::vector<std::byte> to(numbers.size() * sizeof(Result) + 1);
  std::memcpy(from.data() + 1, numbers.data(), numbers.size() * sizeof(T));
  const RowPair row = {.from = from.data() + 1, .to = to.data() + 1, .ahead = nullptr};
  kernel_of(function, dtype, set)(
      {.rows = {&row, 1}, .elements = numbers.size(), .position = position}, function);
  std::vector<Result> results(numbers.size());
  std::memcpy(results.data(), to.data() + 1, results.size() * sizeof(Result));
  return results;
}

TEST(Standardize, SubtractsAndScalesEachNumberOfARow) {
  const Standardize function{{1, 2, 3}, {10, 0.5, 1}};
  const std::vector<float> rows = {2, 3, 4, 1, 2, 3, 0, 0, 0};
  EXPECT_EQ((applied<float>(function, DType::kFloat32, rows)),
            (std::vector<float>{10, 0.5, 1, 0, 0, 0, -10, -1, -3}));
  // From the middle of a row, and to the middle of another.
  EXPECT_EQ((applied<float>(function, DType::kFloat32, std::vector<float>{3, 4, 1, 2}, 4)),
            (std::vector<float>{0.5, 1, 0, 0}));
}

TEST(Standardize, RoundsOnce) {
  // In float arithmetic 16777217 would be 16777216 before the mean is subtracted.
  const Standardize function{{16777217.0 - 0.1}, {1.0 / 3}};
  const std::vector<float> rows(37, 16777220.0F);
  const auto expected = static_cast<float>((16777220.0 - (16777217.0 - 0.1)) * (1.0 / 3));
  EXPECT_EQ((applied<float>(function, DType::kFloat32, rows)), std::vector<float>(37, expected));
  EXPECT_EQ((applied<double>(Standardize{{0.1}, {3}}, DType::kFloat64, std::vector<double>{0.3})),
            std::vector<double>{(0.3 - 0.1) * 3});
}

TEST(Clip, KeepsNumbersInRangeAndNaN) {
  const auto found = applied<double>(Clip{-1, 2}, DType::kFloat64,
                                     std::vector<double>{-kInfinity, -1, 0.5, 2, 3, kNaN});
  EXPECT_EQ((std::vector<double>(found.begin(), found.end() - 1)),
            (std::vector<double>{-1, -1, 0.5, 2, 2}));
  EXPECT_TRUE(std::isnan(found.back()));
}

TEST(Log1pFunction, IsLog1pOfEachNumber) {
  std::vector<float> numbers;
  for (int i = 0; i < 1000; ++i) {
    numbers.push_back(static_cast<float>(i) * 0.37F - 0.9F);
  }
  std::vector<float> expected = numbers;
  log1p(expected);
  EXPECT_EQ((applied<float>(Log1p{}, DType::kFloat32, numbers)), expected);
}

TEST(Bucketize, CountsEdgesAsTorchDoes) {
  const std::vector<double> numbers = {0.5, 1, 2, 3, 5, -kInfinity, kInfinity, kNaN};
  EXPECT_EQ((applied<int64_t>(Bucketize{{1, 3, 3}, false}, DType::kFloat64, numbers)),
            (std::vector<int64_t>{0, 0, 1, 1, 3, 0, 3, 3}));
  EXPECT_EQ((applied<int64_t>(Bucketize{{1, 3, 3}, true}, DType::kFloat64, numbers)),
            (std::vector<int64_t>{0, 1, 1, 3, 3, 0, 3, 3}));
}

TEST(Bucketize, ComparesIntegersThatDoubleDoesNotHold) {
  constexpr int64_t kLong = int64_t{1} << 60;
  const Bucketize function{{1e18, 1e18}, false, {kLong + 1, kLong + 2}, {3, ~uint64_t{0}}};
  EXPECT_EQ((applied<int64_t>(function, DType::kInt64,
                              std::vector<int64_t>{-kLong, kLong, kLong + 1, kLong + 2})),
            (std::vector<int64_t>{0, 0, 1, 2}));
  EXPECT_EQ((applied<int64_t>(function, DType::kUint64,
                              std::vector<uint64_t>{2, 3, ~uint64_t{1}, ~uint64_t{0}})),
            (std::vector<int64_t>{0, 1, 1, 2}));
}

TEST(HashCategory, NeverChanges) {
  const std::vector<int64_t> categories = {0, 1, -1, 1LL << 40};
  EXPECT_EQ((applied<int64_t>(HashCategory{1000, 0}, DType::kInt64, categories)),
            (std::vector<int64_t>{848, 749, 770, 110}));
  EXPECT_NE((applied<int64_t>(HashCategory{1000, 1}, DType::kInt64, categories)),
            (applied<int64_t>(HashCategory{1000, 0}, DType::kInt64, categories)));
}

TEST(HashCategory, SpreadsNeighboursOverAllBuckets) {
  std::vector<int64_t> categories;
  for (int64_t i = 0; i < 1000; ++i) {
    categories.push_back(i * 64);
  }
  const auto found = applied<int64_t>(HashCategory{100, 7}, DType::kInt64, categories);
  const std::set<int64_t> buckets(found.begin(), found.end());
  EXPECT_EQ(buckets.size(), 100U);
  EXPECT_GE(*buckets.begin(), 0);
  EXPECT_LT(*buckets.rbegin(), 100);
}

// Finite numbers of every size.
template <typename T>
std::vector<T> random_numbers(size_t count, std::mt19937_64& random) {
  std::vector<T> numbers(count);
  for (T& number : numbers) {
    const double fraction = static_cast<double>(random() >> 11) * 0x1p-53;
    number = static_cast<T>(std::ldexp(fraction - 0.25, static_cast<int>(random() % 60) - 30));
  }
  return numbers;
}

template <typename T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

// All at once must be what one number after another is, which no vector instruction computes.
template <typename T>
void check_every_set(const ElementFunction& function, DType dtype, std::mt19937_64& random) {
  for (size_t count = 1; count <= 150; ++count) {
    std::vector<T> numbers = random_numbers<T>(count, random);
    numbers[random() % count] = static_cast<T>(kNaN);
    numbers[random() % count] = static_cast<T>(-kInfinity);
    const uint64_t position = random() % 200;
    std::vector<T> expected;
    for (size_t i = 0; i < count; ++i) {
      const std::vector<T> one = {numbers[i]};
      expected.push_back(
          applied<T>(function, dtype, one, position + i, VectorSet::kBaseline).front());
    }
    for (uint8_t set = 0; set <= static_cast<uint8_t>(vector_set()); ++set) {
      const auto found =
          applied<T>(function, dtype, numbers, position, static_cast<VectorSet>(set));
      ASSERT_TRUE(same_bits(found, expected))
          << function_name(function) << " of " << count << ", set " << int{set};
    }
  }
}

TEST(ElementFunction, GivesTheSameBitsForEveryVectorSetAndEveryPlace) {
  constexpr uint64_t kSeed = 17;
  SCOPED_TRACE(kSeed);
  std::mt19937_64 random(kSeed);
  const std::vector<double> numbers = random_numbers<double>(2 * 67, random);
  const AlignedDoubles means(numbers.begin(), numbers.begin() + 67);
  const AlignedDoubles factors(numbers.begin() + 67, numbers.end());
  for (const ElementFunction& function :
       {ElementFunction(Standardize{means, factors}), ElementFunction(Standardize{{0.1}, {1.7}}),
        ElementFunction(Clip{-0.5, 100}), ElementFunction(Log1p{})}) {
    check_every_set<float>(function, DType::kFloat32, random);
    check_every_set<double>(function, DType::kFloat64, random);
  }
}

TEST(ElementFunction, TakesFloatsOfTheLeastDtypeThatIsExact) {
  const ElementFunction function = Log1p{};
  for (const DType dtype : {DType::kBool, DType::kInt8, DType::kUint16, DType::kFloat16,
                            DType::kBfloat16, DType::kFloat32}) {
    EXPECT_EQ(argument_dtype(function, dtype), DType::kFloat32) << dtype_name(dtype);
  }
  for (const DType dtype : {DType::kInt32, DType::kUint64, DType::kFloat64}) {
    EXPECT_EQ(argument_dtype(function, dtype), DType::kFloat64) << dtype_name(dtype);
  }
  EXPECT_EQ(argument_dtype(HashCategory{}, DType::kInt8), DType::kInt64);
  EXPECT_EQ(argument_dtype(Bucketize{}, DType::kUint64), DType::kUint64);
  EXPECT_EQ(argument_dtype(Bucketize{}, DType::kUint32), DType::kFloat64);
  EXPECT_EQ(result_dtype(Bucketize{}, DType::kFloat32), DType::kInt64);
  EXPECT_EQ(result_dtype(function, DType::kFloat64), DType::kFloat64);
}

TEST(ElementFunction, RefusesColumnsThatItDoesNotFit) {
  const Field field = make_field("x", DType::kFloat32, {2, 3});
  check_function(Standardize{{1}, {1}}, field);
  check_function(Standardize{{1, 2, 3}, {1, 1, 1}}, field);
  check_function(Standardize{AlignedDoubles(6), AlignedDoubles(6)}, field);
  const auto refuse = [&](ErrorCode code, std::string_view words, const ElementFunction& function,
                          const Field& of) {
    const Error error =
        expect_error(code, {"column x", words}, [&] { check_function(function, of); });
    EXPECT_EQ(error.context().column, "x");
  };
  refuse(ErrorCode::kInvalid, "statistics of 2 numbers", Standardize{{1, 2}, {1, 1}}, field);
  refuse(ErrorCode::kInvalid, "a mean and a scale", Standardize{{1, 2}, {1}}, field);
  refuse(ErrorCode::kInvalid, "low <= high", Clip{2, 1}, field);
  refuse(ErrorCode::kInvalid, "low <= high", Clip{kNaN, 1}, field);
  refuse(ErrorCode::kInvalid, "ascend", Bucketize{{2, 1}}, field);
  refuse(ErrorCode::kInvalid, "NaN", Bucketize{{kNaN}}, field);
  refuse(ErrorCode::kInvalid, "whole numbers", HashCategory{5}, field);
  refuse(ErrorCode::kInvalid, "at least one", HashCategory{0}, make_field("x", DType::kInt8, {}));
  refuse(ErrorCode::kUnsupported, "hr.log1p(...) in Loader(transform=)", Log1p{},
         {.name = "x", .kind = ColumnKind::kCsr, .width = 3});
  refuse(ErrorCode::kUnsupported, "is text", Log1p{}, {.name = "x", .kind = ColumnKind::kText});
}

}  // namespace
}  // namespace headrace
