#include "column/densify.h"

#include <cmath>
#include <cstring>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "testing/number_oracle.h"
#include "testing/sparse_chunk.h"

namespace headrace {
namespace {

using Bytes = std::vector<std::byte>;

constexpr std::byte kUntouched{0xEE};
constexpr size_t kMargin = 64;

// Dense rows between two margins that must stay as they are, after whatever was
// there before.
struct Dense {
  Bytes memory;
  RowFault fault;

  const std::byte* rows() const { return memory.data() + kMargin; }
};

Dense densified(SparseChunk& chunk, DType dtype, Repeats repeats, DenseStores stores,
                size_t misaligned = 0) {
  const uint64_t bytes = chunk.rows() * chunk.field.width * dtype_size(dtype);
  Bytes memory(bytes + 2 * kMargin + misaligned, kUntouched);
  const ColumnView view = chunk.view();
  Densifier densify(chunk.field, dtype, repeats, stores);
  const RowFault fault = densify(view, memory.data() + misaligned + kMargin);
  memory.erase(memory.begin(), memory.begin() + static_cast<ptrdiff_t>(misaligned));
  for (size_t i = 0; i < kMargin; ++i) {
    EXPECT_EQ(memory[i], kUntouched);
    EXPECT_EQ(memory[memory.size() - 1 - i], kUntouched);
  }
  return {memory, fault};
}

// Adds as the dtype does, one number after the other.
long double sum_of(long double a, long double b, DType dtype) {
  if (dtype == DType::kBool) {
    return a != 0 || b != 0 ? 1 : 0;
  }
  return is_float(dtype) ? converted(a + b, DType::kFloat64, dtype)
                         : wrap(a + b, integer_format(dtype));
}

// What the rows should be, element by element.
std::vector<long double> expected_rows(const SparseChunk& chunk, DType dtype, Repeats repeats) {
  const uint64_t width = chunk.field.width;
  std::vector<long double> expected(chunk.rows() * width);
  for (uint64_t row = 0; row < chunk.rows(); ++row) {
    for (auto i = static_cast<size_t>(chunk.offsets[row]);
         i < static_cast<size_t>(chunk.offsets[row + 1]); ++i) {
      long double& element = expected[row * width + static_cast<uint64_t>(chunk.columns[i])];
      const long double value =
          chunk.field.binary ? 1.0L : converted(chunk.numbers[i], DType::kFloat64, dtype);
      element = repeats == Repeats::kSet ? value : sum_of(element, value, dtype);
    }
  }
  return expected;
}

void expect_rows(const Dense& dense, const std::vector<long double>& expected, DType dtype) {
  ASSERT_FALSE(dense.fault);
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(decode(dtype, dense.rows() + i * dtype_size(dtype)), expected[i])
        << "element " << i << " of " << dtype_name(dtype);
    if (dtype == DType::kBool) {
      ASSERT_LE(load<uint8_t>(dense.rows() + i), 1) << "element " << i;
    }
  }
}

using Case = std::tuple<DType, DType>;  // of the indices, of the result

class DensifierOf : public testing::TestWithParam<Case> {};

TEST_P(DensifierOf, WritesWhatTheOracleSays) {
  const auto [index_dtype, dtype] = GetParam();
  for (const DenseStores stores : {DenseStores::kCached, DenseStores::kStreamed}) {
    for (const Repeats repeats : {Repeats::kSum, Repeats::kSet}) {
      // Narrow, so that most rows repeat indices and sums of small integers
      // wrap.
      for (const uint64_t width : {1, 7, 300}) {
        SparseChunk chunk = random_chunk(csr_field(width, dtype, index_dtype), 40, 20, width);
        expect_rows(densified(chunk, dtype, repeats, stores), expected_rows(chunk, dtype, repeats),
                    dtype);
      }
    }
    SparseChunk binary = random_chunk(csr_field(50, dtype, index_dtype, /*binary=*/true), 40, 9, 5);
    expect_rows(densified(binary, dtype, Repeats::kSet, stores),
                expected_rows(binary, dtype, Repeats::kSet), dtype);
  }
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
  return std::string(dtype_name(std::get<0>(info.param))) + "_to_" +
         dtype_name(std::get<1>(info.param));
}

std::vector<DType> all_dtypes() {
  std::vector<DType> dtypes;
  for (size_t i = 0; i < kDTypeCount; ++i) {
    dtypes.push_back(static_cast<DType>(i));
  }
  return dtypes;
}

INSTANTIATE_TEST_SUITE_P(All, DensifierOf,
                         testing::Combine(testing::Values(DType::kUint16, DType::kInt32,
                                                          DType::kInt64),
                                          testing::ValuesIn(all_dtypes())),
                         case_name);

TEST(Densifier, AddsRepeatsInStoredOrder) {
  // In another order the sum of floats would be another: (1 + 2^24) - 2^24 is 0
  // in float32.
  SparseChunk chunk = {.field = csr_field(4, DType::kFloat32, DType::kInt32)};
  chunk.add_row({2, 2, 2}, {1, 16777216, -16777216});
  chunk.add_row({1, 1, 1}, {16777216, -16777216, 1});
  const Dense dense = densified(chunk, DType::kFloat32, Repeats::kSum, DenseStores::kCached);
  EXPECT_EQ(load<float>(dense.rows() + 2 * sizeof(float)), 0.0F);
  EXPECT_EQ(load<float>(dense.rows() + 5 * sizeof(float)), 1.0F);
}

TEST(Densifier, KeepsTheLastValueOfARepeatThatItSets) {
  SparseChunk chunk = {.field = csr_field(4, DType::kFloat32, DType::kInt32)};
  chunk.add_row({2, 2}, {5, 7});
  const Dense dense = densified(chunk, DType::kFloat32, Repeats::kSet, DenseStores::kCached);
  EXPECT_EQ(load<float>(dense.rows() + 2 * sizeof(float)), 7.0F);
}

TEST(Densifier, MakesZerosOfEmptyRows) {
  for (const DenseStores stores : {DenseStores::kCached, DenseStores::kStreamed}) {
    SparseChunk chunk = {.field = csr_field(33, DType::kFloat64, DType::kInt64)};
    for (int row = 0; row < 5; ++row) {
      chunk.add_row({}, {});
    }
    expect_rows(densified(chunk, DType::kFloat64, Repeats::kSum, stores),
                std::vector<long double>(5 * 33), DType::kFloat64);
    SparseChunk no_rows = {.field = chunk.field};
    EXPECT_FALSE(densified(no_rows, DType::kFloat64, Repeats::kSum, stores).fault);
  }
}

TEST(Densifier, NamesTheFirstIndexOutsideAndWritesNowhereElse) {
  struct Bad {
    DType index_dtype;
    int64_t index;
  };
  for (const Bad& bad :
       {Bad{DType::kUint16, 10}, Bad{DType::kUint16, 65535}, Bad{DType::kInt32, 10},
        Bad{DType::kInt32, -1}, Bad{DType::kInt32, INT32_MIN}, Bad{DType::kInt64, 10},
        Bad{DType::kInt64, -1}, Bad{DType::kInt64, INT64_MIN}, Bad{DType::kInt64, INT64_MAX}}) {
    for (const bool binary : {false, true}) {
      for (const Repeats repeats : {Repeats::kSum, Repeats::kSet}) {
        for (const DenseStores stores : {DenseStores::kCached, DenseStores::kStreamed}) {
          SparseChunk chunk = {.field = csr_field(10, DType::kInt16, bad.index_dtype, binary)};
          chunk.add_row({1, 2}, {3, 4});
          chunk.add_row({9, bad.index, 20}, {3, 4, 5});
          chunk.add_row({-5}, {3});
          const Dense dense = densified(chunk, DType::kInt16, repeats, stores);
          EXPECT_EQ(dense.fault.kind, RowFaultKind::kIndexOutside);
          EXPECT_EQ(dense.fault.row, 1U);
          EXPECT_EQ(dense.fault.found, bad.index);
        }
      }
    }
  }
}

TEST(Densifier, LeavesNothingOfAChunkBehindForTheNext) {
  for (const DenseStores stores : {DenseStores::kCached, DenseStores::kStreamed}) {
    SparseChunk first = random_chunk(csr_field(100, DType::kFloat32, DType::kInt32), 50, 30, 1);
    SparseChunk bad = {.field = first.field};
    bad.add_row({5, 7, 100}, {1, 2, 3});
    SparseChunk second = random_chunk(first.field, 50, 30, 2);
    Densifier densify(first.field, DType::kFloat32, Repeats::kSum, stores);
    Bytes out(second.rows() * 100 * sizeof(float));
    EXPECT_FALSE(densify(first.view(), out.data()));
    EXPECT_TRUE(densify(bad.view(), out.data()));
    EXPECT_FALSE(densify(second.view(), out.data()));
    const Dense fresh = densified(second, DType::kFloat32, Repeats::kSum, stores);
    EXPECT_EQ(std::memcmp(out.data(), fresh.rows(), out.size()), 0);
  }
}

TEST(Densifier, NeedsNoAlignment) {
  for (const DenseStores stores : {DenseStores::kCached, DenseStores::kStreamed}) {
    SparseChunk chunk = random_chunk(csr_field(37, DType::kFloat32, DType::kInt32), 20, 9, 3);
    const auto expected = expected_rows(chunk, DType::kFloat32, Repeats::kSum);
    for (size_t misaligned = 1; misaligned < 17; misaligned += 3) {
      expect_rows(densified(chunk, DType::kFloat32, Repeats::kSum, stores, misaligned), expected,
                  DType::kFloat32);
    }
  }
}

TEST(DenseStores, AreStreamedForBatchesThatNoCacheHolds) {
  EXPECT_EQ(dense_stores(1024, 4096), DenseStores::kCached);
  EXPECT_EQ(dense_stores(16'384, 4096), DenseStores::kStreamed);
  EXPECT_EQ(dense_stores(1024, 120'000), DenseStores::kStreamed);
  // A row that no cache holds is not built in one.
  EXPECT_EQ(dense_stores(1024, uint64_t{1} << 30), DenseStores::kCached);
  EXPECT_EQ(dense_stores(UINT64_MAX, 4096), DenseStores::kStreamed);
  EXPECT_EQ(dense_stores(0, 0), DenseStores::kCached);
}

}  // namespace
}  // namespace headrace
