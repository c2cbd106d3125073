#include "dataset/row_identity.h"

#include <set>

#include <gtest/gtest.h>

#include "column/element_functions.h"
#include "dataset/column_views.h"
#include "dataset/views.h"
#include "dataset/windows.h"
#include "testing/datasets.h"
#include "testing/shard_reading.h"
#include "testing/stored_dataset.h"

namespace headrace {
namespace {

std::optional<std::vector<uint64_t>> identity(const DatasetPtr& dataset, size_t column,
                                              uint64_t row) {
  return row_identity(*dataset, dataset->columns()[column], row);
}

class RowIdentity : public testing::Test {
 protected:
  StoredDataset stored_{columns_of_each_kind(30), {15, 15}};
  DatasetPtr local_ = stored_.local();
  DatasetPtr remote_ = dataset_of_remote_shards(stored_.open(2));
};

TEST_F(RowIdentity, IsThatOfTheShardWhereverItLies) {
  for (size_t c = 0; c < local_->columns().size(); ++c) {
    for (const uint64_t row : {0, 14, 15, 29}) {
      ASSERT_TRUE(identity(local_, c, row));
      EXPECT_EQ(identity(local_, c, row), identity(remote_, c, row));
    }
  }
  const auto moved = [](const DatasetPtr& of) { return slice(concat({of, of}, {}), 50, 5, -2); };
  EXPECT_EQ(identity(moved(local_), 1, 3), identity(remote_, 1, 50 - 30 - 2 * 3));
}

TEST_F(RowIdentity, ChangesWithRowColumnAndWhatBecomesOfThem) {
  std::set<std::vector<uint64_t>> found = {*identity(remote_, 0, 3)};
  const auto expect_fresh = [&](const DatasetPtr& dataset, size_t column, uint64_t row) {
    EXPECT_TRUE(found.insert(*identity(dataset, column, row)).second) << column << " " << row;
  };
  expect_fresh(remote_, 0, 4);
  expect_fresh(remote_, 0, 18);
  expect_fresh(remote_, 1, 3);
  expect_fresh(cast(select(remote_, {0}), {DType::kFloat32}), 0, 3);
  const auto with = [&](const ElementFunction& function) {
    return map_values(remote_, 0, function);
  };
  expect_fresh(with(Log1p{}), 0, 3);
  expect_fresh(with(Clip{.low = 0, .high = 1}), 0, 3);
  expect_fresh(with(Clip{.low = 0, .high = 2}), 0, 3);
  expect_fresh(with(Standardize{.means = {1}, .factors = {2}}), 0, 3);
  expect_fresh(with(Standardize{.means = {2}, .factors = {2}}), 0, 3);
  expect_fresh(with(Bucketize{.edges = {1, 2}}), 0, 3);
  expect_fresh(with(Bucketize{.edges = {1, 2}, .right = true}), 0, 3);
}

TEST_F(RowIdentity, OfAWindowCountsAllItsRows) {
  const auto windowed = [](const DatasetPtr& of, uint64_t length) {
    return windows(select(of, {0}), {.length = length, .stride = 1, .within = {}}, [] {});
  };
  EXPECT_EQ(identity(windowed(local_, 4), 0, 13), identity(windowed(remote_, 4), 0, 13));
  EXPECT_NE(identity(windowed(local_, 4), 0, 13), identity(windowed(local_, 5), 0, 13));
}

TEST_F(RowIdentity, OfAStackIsThatOfItsMembersInTheirOrder) {
  const StoredDataset stored({make_column(make_field("a", DType::kInt64, {}), 30),
                              make_column(make_field("b", DType::kInt64, {}), 30, 2)},
                             {30});
  const DatasetPtr local = stored.local();
  const DatasetPtr remote = dataset_of_remote_shards(stored.open(1));
  EXPECT_EQ(identity(stack(local, {0, 1}, "x"), 0, 7), identity(stack(remote, {0, 1}, "x"), 0, 7));
  EXPECT_NE(identity(stack(local, {0, 1}, "x"), 0, 7), identity(stack(local, {1, 0}, "x"), 0, 7));
}

TEST_F(RowIdentity, IsUnknownElsewhere) {
  const DatasetPtr memory = in_memory({counting("a", 30)});
  EXPECT_FALSE(identity(memory, 0, 3));
  const DatasetPtr both = zip({select(remote_, {0}), memory});
  EXPECT_TRUE(identity(both, 0, 3));
  EXPECT_FALSE(identity(both, 1, 3));
}

}  // namespace
}  // namespace headrace
