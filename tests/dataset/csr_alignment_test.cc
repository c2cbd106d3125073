#include "dataset/csr_alignment.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/arrow_files.h"
#include "dataset/column_views.h"
#include "dataset/views.h"
#include "testing/datasets.h"
#include "testing/errors.h"
#include "testing/sparse_chunk.h"
#include "testing/sparse_columns.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

TEST(CsrAlignment, OfCsrOfOtherWidthsNeedsTheWidth) {
  const DatasetPtr narrow = unread(csr_field(10));
  const DatasetPtr wide = unread(csr_field(12));
  expect_error(ErrorCode::kInvalid, {"csr float32[10]", "csr float32[12]", "columns="}, [&] {
    concat({narrow, wide});
  });
  EXPECT_EQ(describe(concat({narrow, wide}, {20})->schema()[0]), "csr float32[20]");
  EXPECT_EQ(describe(concat({narrow, narrow}, {0})->schema()[0]), "csr float32[10]");
  expect_error(ErrorCode::kInvalid, {"column x is csr float32[12]", "11"}, [&] {
    concat({narrow, wide}, {11});
  });
  expect_error(ErrorCode::kInvalid, {"without a layout"}, [&] {
    concat({with_layout(narrow, 0, {.kind = LayoutKind::kDense}), wide}, {20});
  });
}

TEST(CsrAlignment, OfLayoutsWithOtherOptionsNamesTheColumn) {
  const DatasetPtr csr = unread(csr_field(10));
  Layout halved{.kind = LayoutKind::kDense, .dtype = DType::kFloat32};
  const DatasetPtr plain = with_layout(csr, 0, halved);
  halved.steps.scale = 0.5;
  const DatasetPtr scaled = with_layout(csr, 0, halved);
  expect_error(ErrorCode::kInvalid, {"layouts of column x", "other options"}, [&] {
    concat({plain, scaled});
  });
  EXPECT_EQ(concat({scaled, scaled})->rows(), 4U);
}

TEST(CsrAlignment, ReadsIndicesOfEveryDtypeAsTheWidest) {
  const TempDir dir;
  const std::vector<SparseRow> rows = make_sparse_rows(300, 5);
  const ShardColumn narrow = sparse_column(rows, false);  // uint16
  ShardColumn wide = narrow;
  wide.field.index_dtype = DType::kInt32;
  wide.indices.clear();
  std::vector<int64_t> expected;
  for (const SparseRow& row : rows) {
    for (const auto& [index, value] : row) {
      append(wide.indices, static_cast<int32_t>(index));
      expected.push_back(static_cast<int64_t>(index));
    }
  }
  const auto in_shard = [&](const char* name, const ShardColumn& column) {
    return dataset_from_arrow_files({dir.write(name, shard_bytes({column}, 64))});
  };
  const DatasetPtr both = concat({in_shard("a.arrow", narrow), in_shard("b.arrow", wide)});
  EXPECT_EQ(both->columns()[0].field.index_dtype, DType::kInt32);
  std::vector<uint64_t> mixed;  // each row of one part, then of the other
  for (uint64_t row = 0; row < 300; ++row) {
    mixed.insert(mixed.end(), {row, 300 + row});
  }
  const PartsRead read(with_layout(both, 0, {.kind = LayoutKind::kDense}), mixed);
  const auto dense = read.get<float>(ColumnPart::kValues);
  for (uint64_t i = 0; i < dense.size(); i += 2 * kSparseWidth) {
    const auto begin = dense.begin() + static_cast<int64_t>(i);
    ASSERT_TRUE(std::equal(begin, begin + kSparseWidth, begin + kSparseWidth)) << i;
  }
  // A width that uint16 does not hold, and again beside what holds it.
  const DatasetPtr widened = concat({both, in_shard("c.arrow", narrow)}, {uint64_t{1} << 40});
  EXPECT_EQ(widened->columns()[0].field.index_dtype, DType::kInt64);
  EXPECT_EQ(PartsRead(widened, range(600, 300)).get<int64_t>(ColumnPart::kIndices), expected);
  EXPECT_EQ(
      PartsRead(slice(widened, 300, 300, 1), range(0, 300)).get<int64_t>(ColumnPart::kIndices),
      expected);
}

}  // namespace
}  // namespace headrace
