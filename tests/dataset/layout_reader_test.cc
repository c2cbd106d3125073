#include "dataset/layout_reader.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/arrow_files.h"
#include "dataset/column_views.h"
#include "dataset/fingerprint.h"
#include "dataset/views.h"
#include "testing/datasets.h"
#include "testing/errors.h"
#include "testing/sparse_columns.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

constexpr uint64_t kRows = 3000;  // several chunks

// What is stored, and how it is read.
struct Stored {
  const char* name;
  bool binary;
  bool indices;  // lists of columns, not csr
  bool ragged;   // of those
  Io io;
};

// Rows of csr or of indices in two shard files, in an order of their own.
class Layouts : public testing::TestWithParam<Stored> {
 protected:
  void SetUp() override {
    const Stored& stored = GetParam();
    const auto column = [&](const std::vector<SparseRow>& rows) {
      return stored.indices ? index_column(rows, stored.ragged)
                            : sparse_column(rows, stored.binary);
    };
    const std::vector<SparseRow> first(all_.begin(), all_.begin() + 1000);
    const std::vector<SparseRow> rest(all_.begin() + 1000, all_.end());
    dataset_ = dataset_from_arrow_files({dir_.write("a.arrow", shard_bytes({column(first)}, 300)),
                                         dir_.write("b.arrow", shard_bytes({column(rest)}, 5000))},
                                        {.io = stored.io});
    rows_ = range(0, kRows);
    std::shuffle(rows_.begin(), rows_.end(), std::mt19937(7));
    rows_.insert(rows_.end(), {5, 6, 7, 8, 9, 10, 5, 5});  // neighbours and repeats
  }

  bool ones() const { return GetParam().binary || GetParam().indices; }

  Layout layout(LayoutKind kind, DType dtype) const {
    Layout layout{.kind = kind, .dtype = dtype};
    if (GetParam().indices) {
      layout.indices = IndexSource{.width = kSparseWidth, .pad = -1};
    }
    return layout;
  }

  TempDir dir_;
  std::vector<SparseRow> all_ = make_sparse_rows(kRows, 3);
  DatasetPtr dataset_;
  std::vector<uint64_t> rows_;
};

TEST_P(Layouts, DenseSumsValuesAndSetsOnes) {
  const DatasetPtr dense = with_layout(dataset_, 0, layout(LayoutKind::kDense, DType::kFloat32));
  EXPECT_EQ(dense->columns()[0].field, make_field("x", DType::kFloat32, {kSparseWidth}));
  const PartsRead read(dense, rows_);
  EXPECT_FALSE(read.has(ColumnPart::kOffsets) || read.has(ColumnPart::kIndices));
  std::vector<float> expected(rows_.size() * kSparseWidth);
  for (size_t i = 0; i < rows_.size(); ++i) {
    for (const auto& [index, value] : all_[rows_[i]]) {
      float& at = expected[i * kSparseWidth + index];
      at = ones() ? 1 : at + value;
    }
  }
  EXPECT_EQ(read.get<float>(ColumnPart::kValues), expected);
}

TEST_P(Layouts, CsrAndCooKeepEveryElementInItsOrder) {
  std::vector<int32_t> offsets = {0};
  std::vector<int32_t> indices;
  std::vector<int64_t> coo_rows;
  std::vector<int64_t> coo_columns;
  std::vector<double> values;
  for (size_t i = 0; i < rows_.size(); ++i) {
    for (const auto& [index, value] : all_[rows_[i]]) {
      indices.push_back(static_cast<int32_t>(index));
      coo_rows.push_back(static_cast<int64_t>(i));
      coo_columns.push_back(static_cast<int64_t>(index));
      values.push_back(ones() ? 1 : value);
    }
    offsets.push_back(static_cast<int32_t>(indices.size()));
  }
  Layout csr = layout(LayoutKind::kCsr, DType::kFloat64);
  csr.index_dtype = DType::kInt32;
  const PartsRead as_csr(with_layout(dataset_, 0, csr), rows_);
  EXPECT_EQ(as_csr.get<int32_t>(ColumnPart::kOffsets), offsets);
  EXPECT_EQ(as_csr.get<int32_t>(ColumnPart::kIndices), indices);
  EXPECT_EQ(as_csr.get<double>(ColumnPart::kValues), values);

  const PartsRead as_coo(with_layout(dataset_, 0, layout(LayoutKind::kCoo, DType::kFloat64)),
                         rows_);
  coo_rows.insert(coo_rows.end(), coo_columns.begin(), coo_columns.end());
  EXPECT_FALSE(as_coo.has(ColumnPart::kOffsets));
  EXPECT_EQ(as_coo.get<int64_t>(ColumnPart::kIndices), coo_rows);
  EXPECT_EQ(as_coo.get<double>(ColumnPart::kValues), values);
}

TEST_P(Layouts, StepsAreTakenOnTheWay) {
  Layout steps = layout(LayoutKind::kCsr, DType::kFloat32);
  steps.steps.scale = 2;
  steps.steps.selected =
      std::make_shared<const ColumnSelection>(std::vector<uint64_t>{40, 3, 7}, kSparseWidth);
  const auto new_column = [](uint64_t old) {
    return old == 40 ? 0 : old == 3 ? 1 : old == 7 ? 2 : -1;
  };
  std::vector<int64_t> offsets = {0};
  std::vector<int64_t> indices;
  std::vector<float> values;
  std::vector<float> dense(rows_.size() * 3);
  for (size_t i = 0; i < rows_.size(); ++i) {
    for (const auto& [index, value] : all_[rows_[i]]) {
      if (const int column = new_column(index); column >= 0) {
        indices.push_back(column);
        values.push_back(ones() ? 2 : value * 2);
        float& at = dense[i * 3 + static_cast<size_t>(column)];
        at = ones() ? 2 : at + value * 2;
      }
    }
    offsets.push_back(static_cast<int64_t>(indices.size()));
  }
  const PartsRead csr(with_layout(dataset_, 0, steps), rows_);
  EXPECT_EQ(csr.get<int64_t>(ColumnPart::kOffsets), offsets);
  EXPECT_EQ(csr.get<int64_t>(ColumnPart::kIndices), indices);
  EXPECT_EQ(csr.get<float>(ColumnPart::kValues), values);
  steps.kind = LayoutKind::kDense;
  EXPECT_EQ(PartsRead(with_layout(dataset_, 0, steps), rows_).get<float>(ColumnPart::kValues),
            dense);
}

TEST_P(Layouts, AreTheSameThroughEveryView) {
  const Layout dense = layout(LayoutKind::kDense, DType::kInt16);
  const DatasetPtr whole = with_layout(dataset_, 0, dense);
  const auto shows = [&](const DatasetPtr& view, const std::vector<uint64_t>& of_view,
                         const std::vector<uint64_t>& of_whole) {
    EXPECT_EQ(PartsRead(view, of_view).get<int16_t>(ColumnPart::kValues),
              PartsRead(whole, of_whole).get<int16_t>(ColumnPart::kValues));
  };
  shows(slice(whole, 2999, 3000, -1), {0, 1, 2999}, {2999, 2998, 0});
  shows(subset(whole, index_buffer({9, 9, 1500})), {2, 1, 0}, {1500, 9, 9});
  shows(concat({whole, slice(whole, 10, 500, 2)}), {3001, 5, 3003, 2999}, {12, 5, 16, 2999});
  shows(rename(whole, {"y"}), {4, 3}, {4, 3});
  shows(
      cast(with_layout(dataset_, 0, layout(LayoutKind::kDense, DType::kFloat64)), {DType::kInt16}),
      {8, 2}, {8, 2});
  EXPECT_EQ(concat({whole, slice(whole, 10, 500, 2)})->columns()[0].field,
            whole->columns()[0].field);
  EXPECT_EQ(without_layout(whole, 0)->columns()[0].field, dataset_->columns()[0].field);
  EXPECT_EQ(fingerprint(whole),
            fingerprint(concat({slice(whole, 0, 9, 1), slice(whole, 9, 2991, 1)})));
  expect_error(ErrorCode::kInvalid, {"layouts", "dense of"}, [&] { concat({whole, dataset_}); });
}

TEST_P(Layouts, OfNoRowsAndOfEmptyRowsAreEmpty) {
  for (const std::vector<uint64_t>& rows : {std::vector<uint64_t>{}, {0, 7, 14}}) {
    const auto read = [&](LayoutKind kind) {
      return PartsRead(with_layout(dataset_, 0, layout(kind, DType::kFloat32)), rows);
    };
    EXPECT_EQ(read(LayoutKind::kDense).get<float>(ColumnPart::kValues),
              std::vector<float>(rows.size() * kSparseWidth));
    EXPECT_EQ(read(LayoutKind::kCsr).get<int64_t>(ColumnPart::kOffsets),
              std::vector<int64_t>(rows.size() + 1));
    EXPECT_TRUE(read(LayoutKind::kCsr).get<float>(ColumnPart::kValues).empty());
    EXPECT_TRUE(read(LayoutKind::kCoo).get<int64_t>(ColumnPart::kIndices).empty());
  }
}

TEST_P(Layouts, APollThatThrowsStopsWithinAChunk) {
  const DatasetPtr dense = with_layout(dataset_, 0, layout(LayoutKind::kDense, DType::kFloat32));
  std::vector<float> out(rows_.size() * kSparseWidth);
  int polls = 0;
  const auto read = [&] {
    Reader(dense).read_parts(
        rows_, {true},
        [&](size_t, ColumnPart, uint64_t) { return reinterpret_cast<std::byte*>(out.data()); },
        [&] {
          if (++polls == 3) {
            throw Error(ErrorCode::kCancelled, "stopped");
          }
        });
  };
  expect_error(ErrorCode::kCancelled, {"stopped"}, read);
  EXPECT_EQ(polls, 3);
}

INSTANTIATE_TEST_SUITE_P(Of, Layouts,
                         testing::Values(Stored{"Csr", false, false, false, Io::kAuto},
                                         Stored{"CsrByCalls", false, false, false, Io::kPread},
                                         Stored{"BinaryCsr", true, false, false, Io::kAuto},
                                         Stored{"IndexTensor", false, true, false, Io::kAuto},
                                         Stored{"IndexTensorByCalls", false, true, false,
                                                Io::kPread},
                                         Stored{"IndexLists", false, true, true, Io::kAuto}),
                         [](const auto& info) { return std::string(info.param.name); });

// A shard of one column, and the dataset of it.
DatasetPtr in_shard(const TempDir& dir, ShardColumn column) {
  return dataset_from_arrow_files({dir.write("x.arrow", shard_bytes({std::move(column)}, 64))});
}

// The dataset of `column`, which must outlive it; nobody has checked it.
DatasetPtr in_arrays(const ShardColumn& column) {
  ArraySource::Array array{.owner = {}, .rows = {}, .dtype = column.field.dtype};
  array.variable = column.view(0, column.rows);
  const auto source = std::make_shared<ArraySource>(column.rows, std::vector{array});
  return std::make_shared<Dataset>(
      std::vector<DatasetColumn>{{.field = column.field, .group = 0, .column = 0, .casts = {}}},
      std::vector{RowSpace::table(
          {{.source = source, .first = 0, .rows = column.rows, .columns = nullptr}})});
}

TEST(LayoutReader, PadsRowsToTheLongestOfTheBatchOrToALength) {
  const TempDir dir;
  ShardColumn ragged{
      .field = {.name = "x", .dtype = DType::kInt16, .row_shape = {2}, .kind = ColumnKind::kRagged},
      .offsets = {0, 2, 2, 3},
      .rows = 3};
  for (int16_t i = 1; i <= 6; ++i) {
    append(ragged.values, i);
  }
  const DatasetPtr dataset = in_shard(dir, ragged);
  Layout padded{.kind = LayoutKind::kPadded, .dtype = DType::kInt32};
  const PartsRead all(with_layout(dataset, 0, padded), {2, 0, 1});
  EXPECT_EQ(all.get<int32_t>(ColumnPart::kValues),
            (std::vector<int32_t>{5, 6, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0}));
  EXPECT_EQ(all.get<int64_t>(ColumnPart::kLengths), (std::vector<int64_t>{1, 2, 0}));
  const PartsRead none(with_layout(dataset, 0, padded), {1, 1});
  EXPECT_TRUE(none.get<int32_t>(ColumnPart::kValues).empty());
  EXPECT_EQ(none.get<int64_t>(ColumnPart::kLengths), (std::vector<int64_t>{0, 0}));

  padded.padding = {
      .max_length = 1, .truncate = true, .left = true, .mask = true, .fill = {std::byte{9}}};
  const PartsRead cut(with_layout(dataset, 0, padded), {0, 1});
  EXPECT_EQ(cut.get<int32_t>(ColumnPart::kValues), (std::vector<int32_t>{1, 2, 9, 9}));
  EXPECT_EQ(cut.get<uint8_t>(ColumnPart::kLengths), (std::vector<uint8_t>{1, 0}));

  // Of no rows it takes no memory, whatever a row would.
  padded.padding = {.max_length = uint64_t{1} << 42};
  EXPECT_TRUE(
      PartsRead(with_layout(dataset, 0, padded), {}).get<int32_t>(ColumnPart::kValues).empty());

  padded.padding = {.max_length = 1};
  const Error error =
      expect_error(ErrorCode::kInvalid, {"row 0 of column x (row 1 of the dataset)", "2 elements"},
                   [&] { PartsRead(slice(with_layout(dataset, 0, padded), 1, 2, -1), {1}); });
  EXPECT_EQ(error.context().row, 0U);
  EXPECT_EQ(error.context().column, "x");
  EXPECT_NE(error.context().file.find("x.arrow"), std::string::npos);
}

TEST(LayoutReader, CastsRaggedAndCsrValuesInSequence) {
  const TempDir dir;
  ShardColumn ragged{.field = {.name = "x", .dtype = DType::kInt32, .kind = ColumnKind::kRagged},
                     .offsets = {0, 1, 3},
                     .rows = 2};
  for (const int32_t value : {257, 2, 515}) {
    append(ragged.values, value);
  }
  const DatasetPtr dataset = cast(cast(in_shard(dir, ragged), {DType::kUint8}), {DType::kFloat64});
  EXPECT_EQ(describe(dataset->columns()[0].field), "ragged float64");
  const PartsRead read(dataset, {1, 0});
  EXPECT_EQ(read.get<double>(ColumnPart::kValues), (std::vector<double>{2, 3, 1}));
  EXPECT_EQ(read.get<int64_t>(ColumnPart::kOffsets), (std::vector<int64_t>{0, 2, 3}));
  // The same of a layout, and of parts that store other dtypes.
  const Layout stored{.kind = LayoutKind::kStored, .dtype = DType::kInt64};
  EXPECT_EQ(PartsRead(with_layout(dataset, 0, stored), {1}).get<int64_t>(ColumnPart::kValues),
            (std::vector<int64_t>{2, 3}));
  ShardColumn wide{.field = {.name = "x", .dtype = DType::kFloat64, .kind = ColumnKind::kRagged},
                   .offsets = {0, 2},
                   .rows = 1};
  append(wide.values, 0.5);
  append(wide.values, 1.5);
  const TempDir other;
  const DatasetPtr both = concat(
      {cast(without_layout(in_shard(dir, ragged), 0), {DType::kFloat64}), in_shard(other, wide)});
  EXPECT_EQ(PartsRead(both, {2, 0, 2}).get<double>(ColumnPart::kValues),
            (std::vector<double>{0.5, 1.5, 257, 0.5, 1.5}));
}

TEST(LayoutReader, CastsColumnsOfOneFileEachFromItsOwnDtype) {
  const TempDir dir;
  ShardColumn wide{.field = {.name = "x", .dtype = DType::kInt64, .kind = ColumnKind::kRagged},
                   .offsets = {0, 2},
                   .rows = 1};
  ShardColumn small{.field = {.name = "y", .dtype = DType::kUint8, .kind = ColumnKind::kRagged},
                    .offsets = {0, 2},
                    .rows = 1};
  for (const int number : {1, 2}) {
    append(wide.values, int64_t{number});
    append(small.values, static_cast<uint8_t>(number + 2));
  }
  const DatasetPtr both =
      dataset_from_arrow_files({dir.write("x.arrow", shard_bytes({wide, small}, 1))});
  const DatasetPtr joined = concat({cast(select(both, {0}), {DType::kFloat32}),
                                    cast(rename(select(both, {1}), {"x"}), {DType::kFloat32})});
  EXPECT_EQ(PartsRead(joined, {0, 1, 0}).get<float>(ColumnPart::kValues),
            (std::vector<float>{1, 2, 3, 4, 1, 2}));
}

TEST(LayoutReader, BytesThatAreNoBoolsAreNotCast) {
  ShardColumn bools{.field = {.name = "x", .dtype = DType::kBool, .kind = ColumnKind::kRagged},
                    .offsets = {0, 1, 2},
                    .rows = 2};
  append(bools.values, uint8_t{1});
  append(bools.values, uint8_t{7});
  const DatasetPtr floats =
      with_layout(in_arrays(bools), 0, {.kind = LayoutKind::kStored, .dtype = DType::kFloat32});
  EXPECT_EQ(PartsRead(floats, {0}).get<float>(ColumnPart::kValues), (std::vector<float>{1}));
  const Error error =
      expect_error(ErrorCode::kCorrupt, {"row 1 of column x", "byte 7", "values are damaged"}, [&] {
        PartsRead(floats, {0, 1});
      });
  EXPECT_EQ(std::string(error.what()).find("indices"), std::string::npos);
}

TEST(LayoutReader, FaultsNameColumnAndRow) {
  ShardColumn csr = sparse_column({{{1, 1.0F}}, {{2, 1.0F}, {3, 2.0F}}}, false);
  csr.field.width = 3;
  const DatasetPtr damaged = in_arrays(csr);
  for (const LayoutKind kind : {LayoutKind::kDense, LayoutKind::kCsr, LayoutKind::kCoo}) {
    const Error error =
        expect_error(ErrorCode::kCorrupt, {"row 1 of column x", "index 3", "width 3"}, [&] {
          PartsRead(with_layout(damaged, 0, {.kind = kind, .dtype = DType::kFloat32}), {0, 1});
        });
    EXPECT_EQ(error.context().row, 1U);
  }
  const Layout stored{.kind = LayoutKind::kStored, .dtype = DType::kFloat32};
  const DatasetPtr jagged = with_layout(damaged, 0, stored, Presentation::kOffsets);
  expect_error(ErrorCode::kCorrupt, {"row 1 of column x", "index 3", "width 3"}, [&] {
    PartsRead(jagged, {0, 1});
  });
  EXPECT_EQ(PartsRead(jagged, {0, 0}).get<float>(ColumnPart::kValues), (std::vector<float>{1, 1}));
  const DatasetPtr numbers = in_memory({column<double>("x", DType::kFloat64, {1, 2.5, 7, -1})});
  const auto multi_hot = [&](std::optional<int64_t> pad) {
    return with_layout(numbers, 0, {.kind = LayoutKind::kDense, .indices = IndexSource{5, pad}});
  };
  expect_error(ErrorCode::kInvalid, {"memory: row 1 of column x", "2.5", "whole"}, [&] {
    PartsRead(multi_hot(-1), {0, 1});
  });
  expect_error(ErrorCode::kInvalid, {"row 2", "index 7", "width 5"}, [&] {
    PartsRead(multi_hot(-1), {0, 2});
  });
  expect_error(ErrorCode::kInvalid, {"row 3", "-1", "pad="},
               [&] { PartsRead(multi_hot(std::nullopt), {3}); });
  EXPECT_EQ(PartsRead(multi_hot(-1), {3, 0}).get<float>(ColumnPart::kValues),
            (std::vector<float>{0, 0, 0, 0, 0, 0, 1, 0, 0, 0}));
}

}  // namespace
}  // namespace headrace
