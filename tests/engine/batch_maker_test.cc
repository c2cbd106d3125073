#include "engine/batch_maker.h"

#include <memory>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "testing/datasets.h"
#include "testing/loading.h"

namespace headrace {
namespace {

SlotPools pools_for(const Dataset& dataset, uint64_t rows) {
  SlotPools pools;
  for (const DatasetColumn& column : dataset.columns()) {
    pools.push_back(std::make_shared<SlotPool>(rows * column.field.row_bytes(), 4));
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
      ASSERT_EQ(std::vector<std::byte>(batch.columns[1].data(), batch.columns[1].data() + x.size()),
                x);
    }
  }
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
