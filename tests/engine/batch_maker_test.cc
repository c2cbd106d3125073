#include "engine/batch_maker.h"

#include <memory>
#include <optional>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/column_views.h"
#include "testing/any_rows.h"
#include "testing/datasets.h"
#include "testing/errors.h"
#include "testing/loading.h"
#include "testing/sparse_columns.h"

namespace headrace {
namespace {

SlotPools pools_for(const Dataset& dataset, uint64_t rows) {
  SlotPools pools;
  for (const DatasetColumn& column : dataset.columns()) {
    if (column.field.is_tensor()) {
      pools.push_back({.rows = std::make_shared<SlotPool>(rows * column.field.row_bytes(), 4)});
    } else {
      pools.push_back({.parts = std::make_shared<PartPools>(4)});
    }
  }
  return pools;
}

BatchMaker maker_of(const DatasetPtr& dataset, const LoaderOptions& options, uint64_t epoch = 0,
                    uint64_t position = 0) {
  return BatchMaker(dataset, options, epoch, position,
                    pools_for(*dataset, options.split.batch_size));
}

TEST(BatchMaker, FillsEveryColumnWithTheRowsOfThePlan) {
  const std::vector<Values> columns = {counting("id", 103), random_floats("x", 103, {5}, 1)};
  const DatasetPtr dataset = in_memory(columns);
  for (const auto kind :
       {Shuffle::Kind::kSequential, Shuffle::Kind::kExact, Shuffle::Kind::kBlocks}) {
    const LoaderOptions options = options_of(10, kind);
    const BatchMaker maker = maker_of(dataset, options, 2);
    const Batches expected = expected_batches(103, options, 2, 0);
    ASSERT_EQ(maker.plan().batches(), expected.size());
    BatchMaker::Workspace space(dataset);
    // Any order will do, and any batch may be made again.
    for (const uint64_t number : {10, 0, 5, 9, 5}) {
      Batch batch;
      maker.make(number, space, batch);
      ASSERT_EQ(batch.number, number);
      ASSERT_EQ(batch.rows, expected[number].size());
      ASSERT_EQ(ids(batch), expected[number]);
      const std::vector<std::byte> x = chosen(columns[1], expected[number]).bytes;
      const std::byte* made = batch.columns[1].data(ColumnPart::kValues);
      ASSERT_EQ(std::vector<std::byte>(made, made + x.size()), x);
    }
  }
}

TEST(BatchMaker, FillsColumnsOfEveryKind) {
  const std::vector<ShardColumn> columns = columns_of_each_kind(103);
  const DatasetPtr dataset = in_memory(columns);
  const LoaderOptions options = options_of(10, Shuffle::Kind::kExact);
  const BatchMaker maker = maker_of(dataset, options, 2);
  BatchMaker::Workspace space(dataset);
  const Batches expected = expected_batches(103, options, 2, 0);
  for (uint64_t number = 0; number < expected.size(); ++number) {
    for (const bool cold : {false, true}) {
      Batch batch;
      maker.make(number, space, batch,
                 cold ? std::optional(BatchMaker::Cold{}) : std::optional<BatchMaker::Cold>());
      uint64_t bytes = 0;
      for (size_t c = 0; c < columns.size(); ++c) {
        ASSERT_EQ(rows_of(batch, c, columns[c].field), rows_of(columns[c], expected[number]))
            << columns[c].field.name;
        bytes += batch.columns[c].bytes();
      }
      ASSERT_EQ(batch.bytes(), bytes);
    }
  }
}

TEST(BatchMaker, FillsColumnsWithoutATensorAmongThem) {
  const std::vector<ShardColumn> columns = {
      make_column({.name = "t", .kind = ColumnKind::kText}, 9)};
  const DatasetPtr dataset = in_memory(columns);
  BatchMaker::Workspace space(dataset);
  Batch batch;
  maker_of(dataset, options_of(4)).make(2, space, batch, BatchMaker::Cold{});
  EXPECT_EQ(rows_of(batch, 0, columns[0].field), rows_of(columns[0], {8}));
  EXPECT_EQ(batch.bytes(),
            16 + columns[0].values.size() - static_cast<size_t>(columns[0].offsets[8]));
}

TEST(BatchMaker, TextThatIsNotUtf8NamesColumnAndRow) {
  std::vector<ShardColumn> columns = {make_column({.name = "t", .kind = ColumnKind::kText}, 50)};
  const uint64_t row = 37;
  const auto begin = static_cast<size_t>(columns[0].offsets[row]);
  ASSERT_GT(columns[0].offsets[row + 1], columns[0].offsets[row]);
  columns[0].values[begin] = std::byte{0xFF};
  const DatasetPtr dataset = in_memory(columns);
  BatchMaker::Workspace space(dataset);
  const BatchMaker maker = maker_of(dataset, options_of(10));
  Batch batch;
  maker.make(2, space, batch);
  const Error error = expect_error(ErrorCode::kCorrupt, {"column t", "row 37", "UTF-8"},
                                   [&] { maker.make(3, space, batch); });
  EXPECT_EQ(error.context().row, row);
  EXPECT_EQ(error.context().column, "t");
}

TEST(BatchMaker, RefusesPaddedRowsThatNeedMoreMemoryThanThereIs) {
  const std::vector<ShardColumn> columns = {index_column(make_sparse_rows(50, 2), true)};
  const DatasetPtr dataset = with_layout(in_memory(columns), 0,
                                         {.kind = LayoutKind::kPadded,
                                          .dtype = DType::kFloat64,
                                          .padding = {.max_length = uint64_t{1} << 40}});
  BatchMaker::Workspace space(dataset);
  Batch batch;
  const BatchMaker maker = maker_of(dataset, options_of(10));
  expect_error(ErrorCode::kInvalid, {"column x: 10 rows", "need", "batch_size"},
               [&] { maker.make(0, space, batch); });
}

TEST(BatchMaker, SaysHowManyRowsAreRepeated) {
  LoaderOptions options = options_of(2);
  options.split = {.batch_size = 2, .world_size = 3, .rank = 2, .tail = Tail::kRepeat};
  const DatasetPtr dataset = in_memory({counting("id", 8)});
  const BatchMaker maker = maker_of(dataset, options);
  ASSERT_EQ(maker.plan().batches(), 2U);
  BatchMaker::Workspace space(dataset);
  Batch batch;
  maker.make(0, space, batch);
  EXPECT_EQ(batch.repeated, 0U);
  EXPECT_EQ(ids(batch), (std::vector<uint64_t>{2, 5}));
  maker.make(1, space, batch);
  EXPECT_EQ(batch.repeated, 1U);
  EXPECT_EQ(batch.rows, 1U);
  EXPECT_LT(ids(batch).front(), 8U);
}

TEST(BatchMaker, ShufflesByEpochAndSeed) {
  const DatasetPtr dataset = in_memory({counting("id", 100)});
  std::set<std::vector<uint64_t>> orders;
  for (uint64_t seed = 0; seed < 3; ++seed) {
    for (uint64_t epoch = 0; epoch < 3; ++epoch) {
      LoaderOptions options = options_of(100, Shuffle::Kind::kExact);
      options.seed = seed;
      BatchMaker::Workspace space(dataset);
      Batch batch;
      maker_of(dataset, options, epoch).make(0, space, batch);
      orders.insert(ids(batch));
    }
  }
  EXPECT_EQ(orders.size(), 9U);  // (1, 0) and (0, 1) are not the same
}

}  // namespace
}  // namespace headrace
