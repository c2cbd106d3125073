#include "column/casts.h"

#include <algorithm>
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
  constexpr uint64_t kNumbers = 3000;
  SCOPED_TRACE(kSeed);
  std::mt19937_64 random(kSeed);
  Bytes source(kNumbers * dtype_size(from));
  std::generate(source.begin(), source.end(), [&] { return static_cast<std::byte>(random()); });
  // One number at a time: no vectors.
  Bytes expected(kNumbers * dtype_size(to));
  for (uint64_t i = 0; i < kNumbers; ++i) {
    cast_kernel(from, to, VectorSet::kBaseline)(source.data() + i * dtype_size(from),
                                                expected.data() + i * dtype_size(to), 1);
  }
  for (uint8_t set = 0; set <= static_cast<uint8_t>(vector_set()); ++set) {
    const CastKernel cast = cast_kernel(from, to, static_cast<VectorSet>(set));
    Bytes found(expected.size());
    uint64_t count = 0;
    for (uint64_t done = 0; done < kNumbers; done += count) {
      count = std::min(kNumbers - done, count % 70 + 1);
      cast(source.data() + done * dtype_size(from), found.data() + done * dtype_size(to), count);
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
