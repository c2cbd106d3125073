#include "column/casts.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

namespace headrace {
namespace {

// What each cast gives is tested as a Conversion, with the oracle of elementwise_test.cc.
using Bytes = std::vector<std::byte>;
using Pair = std::tuple<size_t, size_t>;

class CastOfPair : public testing::TestWithParam<Pair> {};

TEST_P(CastOfPair, GivesTheSameBytesForEveryVectorSetAndEveryPlace) {
  const auto from = static_cast<DType>(std::get<0>(GetParam()));
  const auto to = static_cast<DType>(std::get<1>(GetParam()));
  constexpr uint64_t kSeed = 21;
  constexpr uint64_t kNumbers = 54 * 55;  // rows of 1 to 54, twice
  SCOPED_TRACE(kSeed);
  std::mt19937_64 random(kSeed);
  Bytes source(kNumbers * dtype_size(from));
  std::generate(source.begin(), source.end(), [&] { return static_cast<std::byte>(random()); });
  // One number at a time: no vectors.
  Bytes expected(kNumbers * dtype_size(to));
  const auto number = [&](uint64_t i, Bytes& target) {
    return RowPair{.from = source.data() + i * dtype_size(from),
                   .to = target.data() + i * dtype_size(to),
                   .ahead = nullptr};
  };
  for (uint64_t i = 0; i < kNumbers; ++i) {
    const RowPair row = number(i, expected);
    cast_kernel(from, to, VectorSet::kBaseline)({.rows = {&row, 1}, .elements = 1});
  }
  for (uint8_t set = 0; set <= static_cast<uint8_t>(vector_set()); ++set) {
    const CastKernel cast = cast_kernel(from, to, static_cast<VectorSet>(set));
    Bytes found(expected.size());
    // Pairs of rows of every length up to some vectors.
    uint64_t count = 1;
    for (uint64_t done = 0; done + 2 * count <= kNumbers;
         done += 2 * count, count = count % 54 + 1) {
      const std::array rows = {number(done, found), number(done + count, found)};
      cast({.rows = rows, .elements = count});
    }
    EXPECT_EQ(found, expected) << "set " << int{set};
  }
}

std::string pair_name(const testing::TestParamInfo<Pair>& info) {
  return std::string(dtype_name(static_cast<DType>(std::get<0>(info.param)))) + "_to_" +
         dtype_name(static_cast<DType>(std::get<1>(info.param)));
}

INSTANTIATE_TEST_SUITE_P(All, CastOfPair,
                         testing::Combine(testing::Range(size_t{0}, kDTypeCount),
                                          testing::Range(size_t{0}, kDTypeCount)),
                         pair_name);

}  // namespace
}  // namespace headrace
