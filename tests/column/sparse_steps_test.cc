#include "column/sparse_steps.h"

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "column/logarithm.h"
#include "testing/number_oracle.h"
#include "testing/sparse_chunk.h"

namespace headrace {
namespace {

using List = std::vector<int64_t>;
using Numbers = std::vector<long double>;

std::shared_ptr<const ColumnSelection> selection(std::vector<uint64_t> columns, uint64_t width) {
  return std::make_shared<const ColumnSelection>(std::move(columns), width);
}

// What apply() gives, as plain numbers.
struct Result {
  Field field;
  List offsets;
  List indices;
  Numbers values;
  RowFault fault;
};

Result plain(const ColumnView& rows, const Field& field) {
  Result result = {.field = field, .offsets = {}, .indices = {}, .values = {}, .fault = {}};
  for (uint64_t i = 0; i <= rows.rows; ++i) {
    result.offsets.push_back(offset_at(rows, i));
  }
  for (uint64_t i = 0; i < rows.elements; ++i) {
    const uint64_t index_size = dtype_size(field.index_dtype);
    result.indices.push_back(
        static_cast<int64_t>(decode(field.index_dtype, rows.indices + i * index_size)));
    if (!field.binary) {
      result.values.push_back(decode(field.dtype, rows.values + i * dtype_size(field.dtype)));
    }
  }
  return result;
}

Result applied(SparseChunk& chunk, const Layout& layout) {
  check_layout(chunk.field, layout);
  SparseTransform transform(chunk.field, layout);
  ColumnView rows;
  const RowFault fault = transform.apply(chunk.view(), {}, rows);
  Result result = fault ? Result{} : plain(rows, transform.field());
  result.fault = fault;
  return result;
}

// The same into memory of the caller, which must be where the result lies.
Result applied_into(SparseChunk& chunk, const Layout& layout) {
  SparseTransform transform(chunk.field, layout);
  const uint64_t elements = chunk.columns.size();
  std::vector<double> values(elements + 1, 1e300);
  std::vector<int64_t> indices(elements + 1, -77);
  ColumnView rows;
  const RowFault fault = transform.apply(chunk.view(),
                                         {.values = reinterpret_cast<std::byte*>(values.data()),
                                          .indices = reinterpret_cast<std::byte*>(indices.data())},
                                         rows);
  EXPECT_FALSE(fault);
  if (transform.selects() || layout.kind != LayoutKind::kDense) {
    EXPECT_EQ(rows.indices, reinterpret_cast<const std::byte*>(indices.data()));
  }
  if (!transform.field().binary) {
    EXPECT_EQ(rows.values, reinterpret_cast<const std::byte*>(values.data()));
  }
  EXPECT_EQ(values.back(), 1e300);
  EXPECT_EQ(indices.back(), -77);
  return plain(rows, transform.field());
}

// A value after the arithmetic in `Work`, then as `dtype`. How good the logarithm is is tested
// where it is.
template <typename Work>
long double computed(long double stored, double factor, bool log1p, DType dtype) {
  auto value = static_cast<Work>(stored);
  value = static_cast<Work>(static_cast<double>(value) * factor);
  if (log1p) {
    headrace::log1p(std::span(&value, 1));
  }
  return converted(value, DType::kFloat64, dtype);
}

// What the steps should give, row by row and straight from their definition.
Result expected(const SparseChunk& chunk, const Layout& layout) {
  const SparseSteps& steps = layout.steps;
  const bool ones = chunk.field.binary || steps.binary;
  Result result = {.field = {}, .offsets = {0}, .indices = {}, .values = {}, .fault = {}};
  for (uint64_t row = 0; row < chunk.rows(); ++row) {
    const auto begin = static_cast<size_t>(chunk.offsets[row]);
    const auto end = static_cast<size_t>(chunk.offsets[row + 1]);
    const auto stored = [&](size_t i) { return ones ? 1.0 : chunk.numbers[i]; };
    double sum = 0;
    for (size_t i = begin; i < end; ++i) {
      sum += stored(i);
    }
    const double factor =
        (steps.total.has_value() && sum != 0 ? *steps.total / sum : 1.0) * steps.scale;
    for (size_t i = begin; i < end; ++i) {
      const auto column = static_cast<uint64_t>(chunk.columns[i]);
      uint64_t kept = column;
      if (steps.selected != nullptr) {
        const std::vector<uint64_t>& columns = steps.selected->columns();
        const auto found = std::find(columns.begin(), columns.end(), column);
        if (found == columns.end()) {
          continue;
        }
        kept = static_cast<uint64_t>(found - columns.begin());
      }
      result.indices.push_back(static_cast<int64_t>(kept));
      result.values.push_back(layout.dtype == DType::kFloat64
                                  ? computed<double>(stored(i), factor, steps.log1p, layout.dtype)
                                  : computed<float>(stored(i), factor, steps.log1p, layout.dtype));
    }
    result.offsets.push_back(static_cast<int64_t>(result.indices.size()));
  }
  return result;
}

void expect_same(const Result& found, const Result& wanted, const std::string& what) {
  SCOPED_TRACE(what);
  EXPECT_EQ(found.offsets, wanted.offsets);
  EXPECT_EQ(found.indices, wanted.indices);
  if (!found.field.binary) {
    EXPECT_EQ(found.values, wanted.values);
  }
}

std::vector<SparseSteps> all_steps(uint64_t width) {
  std::vector<SparseSteps> all;
  for (int bits = 0; bits < 32; ++bits) {
    SparseSteps steps = {.binary = (bits & 1) != 0, .log1p = (bits & 2) != 0};
    steps.scale = (bits & 4) != 0 ? 0.3 : 1;
    steps.total = (bits & 8) != 0 ? std::optional(100.0) : std::nullopt;
    steps.selected = (bits & 16) != 0 ? selection({7, 0, 33, 5, 48, 12}, width) : nullptr;
    all.push_back(steps);
  }
  return all;
}

std::string describe(const Layout& layout) {
  return std::string(layout_name(layout.kind)) + " " + dtype_name(layout.dtype) +
         (layout.steps.binary ? " binary" : "") + (layout.steps.total ? " total" : "") +
         (layout.steps.scale != 1 ? " scale" : "") + (layout.steps.log1p ? " log1p" : "") +
         (layout.steps.selected != nullptr ? " columns" : "");
}

class SparseTransformOf : public testing::TestWithParam<DType> {};

TEST_P(SparseTransformOf, GivesWhatTheStepsAreDefinedToGive) {
  constexpr uint64_t kWidth = 50;
  for (const DType index_dtype : {DType::kUint16, DType::kInt32, DType::kInt64}) {
    for (const bool binary : {false, true}) {
      // Values below 100, which every dtype but bool holds.
      SparseChunk chunk =
          random_chunk(csr_field(kWidth, GetParam(), index_dtype, binary), 20, 8, 7);
      for (const SparseSteps& steps : all_steps(kWidth)) {
        for (const LayoutKind kind : {LayoutKind::kDense, LayoutKind::kCsr, LayoutKind::kCoo}) {
          for (const DType dtype : {DType::kFloat64, DType::kFloat32, DType::kBfloat16}) {
            const Layout layout = {
                .kind = kind, .dtype = dtype, .steps = steps, .index_dtype = DType::kInt32};
            const Result wanted = expected(chunk, layout);
            expect_same(applied(chunk, layout), wanted, describe(layout));
            expect_same(applied_into(chunk, layout), wanted, describe(layout) + " into memory");
          }
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Stored, SparseTransformOf,
                         testing::Values(DType::kUint8, DType::kInt64, DType::kFloat16,
                                         DType::kFloat32, DType::kFloat64),
                         [](const auto& info) { return std::string(dtype_name(info.param)); });

TEST(SparseTransform, CastsToIntegersWhenNothingIsComputed) {
  SparseChunk chunk = {.field = csr_field(10, DType::kFloat32, DType::kInt32)};
  chunk.add_row({1, 2, 3}, {2.9, -1.9, 1000});
  const Layout layout = {.kind = LayoutKind::kCsr, .dtype = DType::kInt8};
  EXPECT_EQ(applied(chunk, layout).values, (Numbers{2, -1, 127}));
}

TEST(SparseTransform, LeavesARowWhoseSumIsZeroAsItIs) {
  SparseChunk chunk = {.field = csr_field(10, DType::kFloat32, DType::kInt32)};
  chunk.add_row({1, 2}, {4, -4});
  chunk.add_row({}, {});
  chunk.add_row({1, 2}, {0, 0});
  chunk.add_row({1, 2}, {1, 3});
  const Layout layout = {.kind = LayoutKind::kCsr, .steps = {.total = 8.0, .scale = 2}};
  EXPECT_EQ(applied(chunk, layout).values, (Numbers{8, -8, 0, 0, 4, 12}));
}

TEST(SparseTransform, CountsStoredZerosAsPresent) {
  SparseChunk chunk = {.field = csr_field(10, DType::kFloat32, DType::kInt32)};
  chunk.add_row({1, 2, 2}, {0, 5, 0});
  const Layout layout = {.kind = LayoutKind::kCsr, .steps = {.binary = true, .total = 6.0}};
  EXPECT_EQ(applied(chunk, layout).values, (Numbers{2, 2, 2}));
}

TEST(SparseTransform, MakesNoValuesForDenseRowsOfOnes) {
  const Field stored = csr_field(10, DType::kFloat32, DType::kUint16);
  const Field binary = csr_field(10, DType::kFloat32, DType::kUint16, true);
  const auto field_of = [](const Field& field, LayoutKind kind, const SparseSteps& steps) {
    return SparseTransform(field, {.kind = kind, .steps = steps}).field();
  };
  EXPECT_TRUE(field_of(binary, LayoutKind::kDense, {}).binary);
  EXPECT_TRUE(field_of(stored, LayoutKind::kDense, {.binary = true}).binary);
  EXPECT_FALSE(field_of(stored, LayoutKind::kDense, {}).binary);
  EXPECT_FALSE(field_of(binary, LayoutKind::kDense, {.scale = 2}).binary);
  EXPECT_FALSE(field_of(binary, LayoutKind::kCsr, {}).binary);
  EXPECT_EQ(field_of(binary, LayoutKind::kDense, {}).index_dtype, DType::kUint16);
  EXPECT_EQ(field_of(binary, LayoutKind::kCoo, {}).index_dtype, DType::kInt64);
  EXPECT_EQ(SparseTransform(binary, {.kind = LayoutKind::kDense}).repeats(), Repeats::kSet);
  EXPECT_EQ(SparseTransform(stored, {.kind = LayoutKind::kDense}).repeats(), Repeats::kSum);
}

TEST(SparseTransform, TouchesNothingWhereNothingChanges) {
  SparseChunk chunk = random_chunk(csr_field(50, DType::kFloat32, DType::kInt32), 20, 8, 7);
  SparseTransform transform(chunk.field, {.kind = LayoutKind::kDense});
  const ColumnView rows = chunk.view();
  ColumnView result;
  EXPECT_FALSE(transform.apply(rows, {}, result));
  EXPECT_EQ(result.values, rows.values + 3 * sizeof(float));
  EXPECT_EQ(result.indices, rows.indices + 3 * sizeof(int32_t));
}

TEST(SparseTransform, WorksInTheMemoryOfItsRows) {
  SparseChunk chunk = {.field = csr_field(10, DType::kFloat32, DType::kInt32)};
  chunk.add_row({1, 2, 3}, {1, 2, 3});
  const Layout layout = {.kind = LayoutKind::kCsr,
                         .steps = {.scale = 2, .selected = selection({3, 1}, 10)},
                         .index_dtype = DType::kInt32};
  SparseTransform transform(chunk.field, layout);
  const ColumnView rows = chunk.view();
  ColumnView result;
  EXPECT_FALSE(transform.apply(
      rows, {.values = chunk.values.data(), .indices = chunk.indices.data()}, result));
  const Result found = plain(result, transform.field());
  EXPECT_EQ(result.values, rows.values);
  EXPECT_EQ(found.indices, (List{1, 0}));
  EXPECT_EQ(found.values, (Numbers{2, 6}));
}

TEST(SparseTransform, NamesTheFirstIndexOutsideEvenInColumnsThatAreDropped) {
  for (const int64_t bad : {int64_t{10}, int64_t{-1}, INT64_MIN, INT64_MAX}) {
    SparseChunk chunk = {.field = csr_field(10, DType::kFloat32, DType::kInt64)};
    chunk.add_row({1, 2}, {1, 1});
    chunk.add_row({3, bad, 9}, {1, 1, 1});
    for (const LayoutKind kind : {LayoutKind::kDense, LayoutKind::kCsr, LayoutKind::kCoo}) {
      for (const auto& selected : {selection({1}, 10), std::shared_ptr<const ColumnSelection>()}) {
        if (kind == LayoutKind::kDense && selected == nullptr) {
          continue;  // the Densifier looks at these
        }
        const RowFault fault =
            applied(chunk, {.kind = kind, .steps = {.selected = selected}}).fault;
        EXPECT_EQ(fault.kind, RowFaultKind::kIndexOutside);
        EXPECT_EQ(fault.row, 1U);
        EXPECT_EQ(fault.found, bad);
      }
    }
  }
}

TEST(SparseTransform, TakesChunksWithoutElementsAndWithoutRows) {
  for (const LayoutKind kind : {LayoutKind::kDense, LayoutKind::kCsr, LayoutKind::kCoo}) {
    for (const SparseSteps& steps : all_steps(50)) {
      SparseChunk chunk = {.field = csr_field(50, DType::kFloat32, DType::kInt32)};
      const Layout layout = {.kind = kind, .steps = steps};
      EXPECT_EQ(applied(chunk, layout).offsets, (List{0}));
      chunk.add_row({}, {});
      chunk.add_row({}, {});
      EXPECT_EQ(applied(chunk, layout).offsets, (List{0, 0, 0}));
    }
  }
}

}  // namespace
}  // namespace headrace
