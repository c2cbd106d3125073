#include "column/elementwise.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "testing/number_oracle.h"

namespace headrace {
namespace {

using Bytes = std::vector<std::byte>;

template <typename T>
void append(Bytes& bytes, T value) {
  const auto* from = reinterpret_cast<const std::byte*>(&value);
  bytes.insert(bytes.end(), from, from + sizeof(T));
}

// All patterns of a dtype of at most 16 bits.
Bytes every_pattern(DType dtype) {
  Bytes bytes;
  if (dtype_size(dtype) == 1) {
    for (uint32_t pattern = 0; pattern < 256; ++pattern) {
      append(bytes, static_cast<uint8_t>(pattern));
    }
  } else {
    for (uint32_t pattern = 0; pattern < 65'536; ++pattern) {
      append(bytes, static_cast<uint16_t>(pattern));
    }
  }
  return bytes;
}

template <typename T>
Bytes integers(uint64_t seed) {
  Bytes bytes;
  for (int shift = 0; shift < std::numeric_limits<T>::digits; ++shift) {
    for (int delta = -1; delta <= 1; ++delta) {
      // Modulo 2^bits: -1 is the largest or the least.
      append(bytes, static_cast<T>((uint64_t{1} << shift) + static_cast<uint64_t>(delta)));
      append(bytes, static_cast<T>(0 - (uint64_t{1} << shift) + static_cast<uint64_t>(delta)));
    }
  }
  append(bytes, std::numeric_limits<T>::min());
  append(bytes, std::numeric_limits<T>::max());
  std::mt19937_64 random(seed);
  for (int i = 0; i < 2000; ++i) {
    append(bytes, static_cast<T>(random() >> (random() % 64)));
  }
  return bytes;
}

template <typename T>
Bytes floats(uint64_t seed) {
  Bytes bytes;
  const auto both = [&](double value) {
    append(bytes, static_cast<T>(value));
    append(bytes, static_cast<T>(-value));
  };
  for (int exponent = -160; exponent <= 130; ++exponent) {
    for (const double factor : {1.0, 1.25, 1.5, 1.0 + 0x1p-20, 2.0 - 0x1p-23}) {
      both(std::ldexp(factor, exponent));
    }
  }
  for (const int bits : {7, 8, 15, 16, 31, 32, 63, 64}) {
    const double end = std::ldexp(1.0, bits);
    for (const double value : {end, end - 1, end - 0.5, end + 0.5, end + 1,
                               std::nextafter(end, 0.0), std::nextafter(end, HUGE_VAL)}) {
      both(value);
    }
  }
  for (const double value : {0.0, 0.5, 0.99, 1.5, 2.5, 65504.0, 65519.99, 65520.0, HUGE_VAL}) {
    both(value);
  }
  append(bytes, std::numeric_limits<T>::quiet_NaN());
  append(bytes, std::numeric_limits<T>::max());
  append(bytes, std::numeric_limits<T>::denorm_min());
  std::mt19937_64 random(seed);
  for (int i = 0; i < 2000; ++i) {
    both(std::ldexp(static_cast<double>(random()), static_cast<int>(random() % 80) - 70));
  }
  return bytes;
}

Bytes samples(DType dtype) {
  constexpr uint64_t kSeed = 11;
  switch (dtype) {
    case DType::kUint32:
      return integers<uint32_t>(kSeed);
    case DType::kUint64:
      return integers<uint64_t>(kSeed);
    case DType::kInt32:
      return integers<int32_t>(kSeed);
    case DType::kInt64:
      return integers<int64_t>(kSeed);
    case DType::kFloat32:
      return floats<float>(kSeed);
    case DType::kFloat64:
      return floats<double>(kSeed);
    default:
      return every_pattern(dtype);
  }
}

Bytes converted_bytes(const std::vector<DType>& path, const Bytes& from) {
  const Conversion conversion(path);
  const uint64_t elements = from.size() / conversion.from_size();
  Bytes to(elements * conversion.to_size());
  conversion.apply(from.data(), to.data(), elements);
  return to;
}

using Pair = std::tuple<size_t, size_t>;

class ConversionOfPair : public testing::TestWithParam<Pair> {};

TEST_P(ConversionOfPair, GivesWhatTheOracleSays) {
  const auto from = static_cast<DType>(std::get<0>(GetParam()));
  const auto to = static_cast<DType>(std::get<1>(GetParam()));
  const Bytes source = samples(from);
  const Bytes target = converted_bytes({from, to}, source);
  if (from == to) {
    ASSERT_EQ(target, source);  // a plain copy, of every pattern
    return;
  }
  for (size_t i = 0; i < source.size() / dtype_size(from); ++i) {
    const long double value = decode(from, source.data() + i * dtype_size(from));
    const std::byte* found = target.data() + i * dtype_size(to);
    const long double expected = converted(value, from, to);
    const long double got = decode(to, found);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(got)) << "element " << i;
      continue;
    }
    ASSERT_EQ(got, expected) << "element " << i << ", value " << value;
    if (is_float(to)) {  // zero keeps its sign
      ASSERT_EQ(std::signbit(got), std::signbit(expected)) << "element " << i;
    }
    if (to == DType::kBool) {
      ASSERT_LE(std::to_integer<int>(*found), 1) << "element " << i;
    }
  }
}

std::string pair_name(const testing::TestParamInfo<Pair>& info) {
  return std::string(dtype_name(static_cast<DType>(std::get<0>(info.param)))) + "_to_" +
         dtype_name(static_cast<DType>(std::get<1>(info.param)));
}

INSTANTIATE_TEST_SUITE_P(All, ConversionOfPair,
                         testing::Combine(testing::Range(size_t{0}, kDTypeCount),
                                          testing::Range(size_t{0}, kDTypeCount)),
                         pair_name);

// The result of one number, spelled out.
template <typename To, typename From>
To convert_one(DType from, DType to, From value) {
  Bytes bytes;
  append(bytes, value);
  return load<To>(converted_bytes({from, to}, bytes).data());
}

TEST(Conversion, CutsFloatsTowardsZeroAndKeepsThemInRange) {
  const auto to_int32 = [](double value) {
    return convert_one<int32_t>(DType::kFloat64, DType::kInt32, value);
  };
  EXPECT_EQ(to_int32(-0.5), 0);
  EXPECT_EQ(to_int32(-1.9), -1);
  EXPECT_EQ(to_int32(1.9), 1);
  EXPECT_EQ(to_int32(2147483647.5), INT32_MAX);
  EXPECT_EQ(to_int32(0x1p31), INT32_MAX);
  EXPECT_EQ(to_int32(-0x1p31 - 0.5), INT32_MIN);
  EXPECT_EQ(to_int32(-0x1p40), INT32_MIN);
  EXPECT_EQ(to_int32(HUGE_VAL), INT32_MAX);
  EXPECT_EQ(to_int32(-HUGE_VAL), INT32_MIN);
  EXPECT_EQ(to_int32(std::nan("")), 0);
  EXPECT_EQ(convert_one<int64_t>(DType::kFloat32, DType::kInt64, 0x1p63F), INT64_MAX);
  EXPECT_EQ(convert_one<int64_t>(DType::kFloat32, DType::kInt64, -0x1p63F), INT64_MIN);
  EXPECT_EQ(convert_one<uint64_t>(DType::kFloat64, DType::kUint64, 0x1p64), UINT64_MAX);
  EXPECT_EQ(convert_one<uint64_t>(DType::kFloat64, DType::kUint64, 0x1p63), uint64_t{1} << 63);
  EXPECT_EQ(convert_one<uint8_t>(DType::kFloat32, DType::kUint8, -0.5F), 0);
  EXPECT_EQ(convert_one<uint8_t>(DType::kFloat32, DType::kUint8, -7.0F), 0);
}

TEST(Conversion, WrapsIntegers) {
  EXPECT_EQ(convert_one<uint8_t>(DType::kInt64, DType::kUint8, int64_t{-1}), 255);
  EXPECT_EQ(convert_one<int8_t>(DType::kUint16, DType::kInt8, uint16_t{200}), -56);
  EXPECT_EQ(convert_one<int32_t>(DType::kUint64, DType::kInt32, UINT64_MAX), -1);
  EXPECT_EQ(convert_one<uint64_t>(DType::kInt8, DType::kUint64, int8_t{-1}), UINT64_MAX);
}

TEST(Conversion, TakesEveryByteOfABoolButZeroAsTrue) {
  for (int byte = 0; byte < 256; ++byte) {
    const auto stored = static_cast<uint8_t>(byte);
    const float expected = byte == 0 ? 0.0F : 1.0F;
    EXPECT_EQ(convert_one<float>(DType::kBool, DType::kFloat32, stored), expected) << byte;
    EXPECT_EQ(convert_one<uint8_t>(DType::kBool, DType::kUint8, stored), byte == 0 ? 0 : 1);
  }
}

TEST(Conversion, OfADoubleToHalfIsRoundedOnce) {
  const double value = 1.0 + 0x1p-11 + 0x1p-40;
  EXPECT_EQ(convert_one<uint16_t>(DType::kFloat64, DType::kFloat16, value), 0x3C01);
  const double wide = 1.0 + 0x1p-8 + 0x1p-40;
  EXPECT_EQ(convert_one<uint16_t>(DType::kFloat64, DType::kBfloat16, wide), 0x3F81);
}

TEST(Conversion, OfAWideIntegerToBfloatIsRoundedOnce) {
  // One above a tie; a double would round the one away.
  const uint64_t value = (uint64_t{1} << 62) + (uint64_t{1} << 54) + 1;
  EXPECT_EQ(convert_one<uint16_t>(DType::kUint64, DType::kBfloat16, value), 0x5E81);
  EXPECT_EQ(convert_one<uint16_t>(DType::kInt64, DType::kBfloat16, static_cast<int64_t>(value)),
            0x5E81);
  EXPECT_EQ(convert_one<uint16_t>(DType::kInt64, DType::kBfloat16, -static_cast<int64_t>(value)),
            0xDE81);
}

TEST(Conversion, OfOneDtypeIsACopy) {
  const Bytes bytes = {std::byte{2}, std::byte{0}, std::byte{255}};
  EXPECT_EQ(converted_bytes({DType::kBool}, bytes), bytes);
  EXPECT_EQ(Conversion(std::vector{DType::kInt16}).from_size(), 2U);
  EXPECT_EQ(Conversion(std::vector{DType::kInt16}).to_size(), 2U);
}

TEST(Conversion, KnowsTheSizesOfItsEnds) {
  const Conversion conversion(std::vector{DType::kUint8, DType::kFloat64, DType::kFloat16});
  EXPECT_EQ(conversion.from_size(), 1U);
  EXPECT_EQ(conversion.to_size(), 2U);
}

TEST(Conversion, OfAChainIsOneStepAfterAnother) {
  constexpr uint64_t kSeed = 3;
  SCOPED_TRACE(kSeed);
  std::mt19937_64 random(kSeed);
  for (int round = 0; round < 300; ++round) {
    std::vector<DType> path;
    for (size_t i = 0; i < 3 + random() % 3; ++i) {
      path.push_back(static_cast<DType>(random() % kDTypeCount));
    }
    const std::array<size_t, 8> counts = {1, 127, 128, 129, 255, 256, 257, 1000};
    Bytes bytes(counts[random() % counts.size()] * dtype_size(path.front()));
    std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<std::byte>(random()); });
    Bytes expected = bytes;
    for (size_t i = 0; i + 1 < path.size(); ++i) {
      expected = converted_bytes({path[i], path[i + 1]}, expected);
    }
    ASSERT_EQ(converted_bytes(path, bytes), expected) << "round " << round;
  }
}

TEST(Conversion, GivesFunctionsThePlacesOfNumbersInTheirRows) {
  // More numbers than a block between steps holds, of rows of three.
  std::vector<int16_t> numbers(3 * 100);
  std::vector<double> expected;
  for (size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = static_cast<int16_t>(i);
    expected.push_back((static_cast<double>(i) - static_cast<double>(i % 3)) * 2);
  }
  const auto function = std::make_shared<const ElementFunction>(Standardize{{0, 1, 2}, {2, 2, 2}});
  const Conversion conversion(std::vector<ValueStep>{
      DType::kInt16, DType::kFloat32, {DType::kFloat32, function}, DType::kFloat64});
  std::vector<double> found(numbers.size());
  conversion.apply(reinterpret_cast<const std::byte*>(numbers.data()),
                   reinterpret_cast<std::byte*>(found.data()), numbers.size());
  EXPECT_EQ(found, expected);
}

TEST(Conversion, OfSeveralRowsIsThatOfEach) {
  // Rows that share a buffer between steps, that fill one, and that need several.
  for (const uint64_t elements : {1, 40, 64, 511, 512, 513, 1300}) {
    AlignedDoubles means(elements);
    std::iota(means.begin(), means.end(), 0.5);
    const auto function = std::make_shared<const ElementFunction>(Standardize{means, means});
    const Conversion conversion(std::vector<ValueStep>{
        DType::kInt16, DType::kFloat32, {DType::kFloat32, function}, DType::kFloat64});
    constexpr uint64_t kRows = 37;
    std::vector<int16_t> numbers(kRows * elements);
    std::iota(numbers.begin(), numbers.end(), int16_t{-999});
    const auto* from = reinterpret_cast<const std::byte*>(numbers.data());
    std::vector<double> expected(numbers.size());
    std::vector<double> found(numbers.size());
    std::vector<RowPair> rows;
    for (uint64_t row = 0; row < kRows; ++row) {
      const std::byte* of_row = from + row * elements * sizeof(int16_t);
      conversion.apply(of_row, reinterpret_cast<std::byte*>(&expected[row * elements]), elements);
      rows.push_back({.from = of_row,
                      .to = reinterpret_cast<std::byte*>(&found[row * elements]),
                      .ahead = from});
    }
    for (size_t i = 0; i < expected.size(); ++i) {
      const auto x = static_cast<float>((numbers[i] - means[i % elements]) * means[i % elements]);
      ASSERT_EQ(expected[i], x) << elements;
    }
    conversion.apply(rows, elements, {.lines = 2, .last_offset = 1});
    EXPECT_EQ(found, expected) << elements;
  }
}

TEST(ValueStep, IsEqualByTheValueOfItsFunction) {
  const auto clip = [](double high) {
    return ValueStep(DType::kFloat32, std::make_shared<const ElementFunction>(Clip{0, high}));
  };
  EXPECT_EQ(clip(1), clip(1));
  EXPECT_FALSE(clip(1) == clip(2));
  EXPECT_FALSE(clip(1) == ValueStep(DType::kFloat32));
  EXPECT_FALSE(ValueStep(DType::kInt8) == ValueStep(DType::kFloat32));
}

TEST(Conversion, NeedsNoAlignmentAndStaysInsideItsOutput) {
  constexpr size_t kElements = 200;
  for (const std::vector<DType>& path :
       {std::vector{DType::kFloat64, DType::kFloat32}, std::vector{DType::kInt16, DType::kInt64},
        std::vector{DType::kInt64, DType::kFloat16, DType::kFloat64}}) {
    const Conversion conversion(path);
    Bytes from(1 + kElements * conversion.from_size(), std::byte{0x3F});
    Bytes to(2 + kElements * conversion.to_size(), std::byte{0xEE});
    conversion.apply(from.data() + 1, to.data() + 1, kElements);
    EXPECT_EQ(to.front(), std::byte{0xEE});
    EXPECT_EQ(to.back(), std::byte{0xEE});
    EXPECT_EQ(Bytes(to.begin() + 1, to.end() - 1),
              converted_bytes(path, Bytes(from.begin() + 1, from.end())));
  }
}

TEST(Multiply, RoundsTheProductOnce) {
  const double factor = 1.0 / 3;
  std::vector<float> floats = {1, -7, 16777215, 0, HUGE_VALF};
  std::vector<double> doubles(floats.begin(), floats.end());
  multiply(std::span(floats), factor);
  multiply(std::span(doubles), factor);
  EXPECT_EQ(floats, (std::vector<float>{static_cast<float>(factor), static_cast<float>(-7 * factor),
                                        static_cast<float>(16777215 * factor), 0, HUGE_VALF}));
  EXPECT_EQ(doubles[1], -7 * factor);
}

}  // namespace
}  // namespace headrace
