#include "engine/row_shards.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "dataset/views.h"
#include "dataset/windows.h"
#include "testing/datasets.h"
#include "testing/numbered_rows.h"
#include "testing/stored_dataset.h"

namespace headrace {
namespace {

using Numbers = std::vector<uint64_t>;

class RowShardsTest : public testing::Test {
 protected:
  static constexpr uint64_t kRows = 60;

  // What each row needs, by the files that it lies in; `length` rows from there on.
  Numbers expected(const DatasetPtr& dataset, const Numbers& rows, uint64_t length = 1) const {
    std::set<uint64_t> shards;
    for (const uint64_t row : rows) {
      for (uint64_t i = 0; i < length; ++i) {
        const Dataset::Location at = dataset->locate(row);
        for (uint64_t shard = 0; shard < sizes_.size(); ++shard) {
          if (at.file == remote_->path(shard)) {
            shards.insert(shard + (at.row + i >= sizes_[shard] ? 1 : 0));
          }
        }
      }
    }
    return {shards.begin(), shards.end()};
  }

  void expect_right(const DatasetPtr& dataset, uint64_t length = 1) const {
    const RowShards shards(*dataset, *remote_);
    RowShards::Workspace space;
    std::mt19937 random(5);
    for (int i = 0; i < 30; ++i) {
      const uint64_t first = random() % dataset->rows();
      Numbers rows(1 + random() % (dataset->rows() - first));
      std::iota(rows.begin(), rows.end(), first);
      EXPECT_EQ(shards.of_range(first, rows.size(), space), expected(dataset, rows, length));
      std::shuffle(rows.begin(), rows.end(), random);
      rows.resize(1 + rows.size() / 3);
      EXPECT_EQ(shards.of_rows(rows, space), expected(dataset, rows, length));
    }
  }

  const Numbers sizes_{20, 5, 15, 20};
  StoredDataset stored_{numbered_rows(kRows), sizes_};
  std::shared_ptr<RemoteShards> remote_ = stored_.open(4);
  DatasetPtr dataset_ = dataset_of_remote_shards(remote_);
};

TEST_F(RowShardsTest, AreThoseWhereTheRowsLie) {
  expect_right(dataset_);
  const RowShards shards(*dataset_, *remote_);
  EXPECT_TRUE(shards.in_order());
  EXPECT_EQ(shards.runs().size(), 1U);
  EXPECT_EQ(shards.runs()[0].size(), 4U) << "a run for each shard, not for each record batch";
  EXPECT_EQ(shards.all(), (Numbers{0, 1, 2, 3}));
}

TEST_F(RowShardsTest, AreThoseOfViews) {
  expect_right(slice(dataset_, 13, 30, 1));
  expect_right(slice(dataset_, 59, 20, -3));
  expect_right(split(dataset_, {30, 30}, 3)[0]);
  expect_right(concat({slice(dataset_, 30, 10, 1), dataset_}));
}

TEST_F(RowShardsTest, AWindowMayReachIntoTheNextShard) {
  expect_right(windows(dataset_, {.length = 4, .stride = 1, .within = std::nullopt}), 4);
}

TEST_F(RowShardsTest, OtherRowsHaveNone) {
  const auto other = stored_.open(4);
  const DatasetPtr both = concat({dataset_, dataset_of_remote_shards(other)});
  const RowShards shards(*both, *remote_);
  RowShards::Workspace space;
  EXPECT_EQ(shards.of_range(50, 70, space), (Numbers{3}));
  EXPECT_EQ(shards.of_rows(Numbers{119, 7}, space), (Numbers{0}));
}

}  // namespace
}  // namespace headrace
