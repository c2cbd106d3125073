#include "dataset/source_runs.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/views.h"
#include "dataset/windows.h"
#include "testing/datasets.h"
#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

using Rows = std::vector<uint64_t>;

Rows unit_rows(const DatasetPtr& dataset) {
  const UnitTablePtr units = shuffle_units(*dataset);
  Rows rows;
  for (uint64_t unit = 0; unit < units->units(); ++unit) {
    rows.push_back(units->rows_of(unit));
  }
  return rows;
}

// The same, row by row.
Rows located(const DatasetPtr& dataset) {
  Rows rows;
  std::string file;
  for (uint64_t row = 0; row < dataset->rows(); ++row) {
    const std::string at = dataset->locate(row).file;
    if (row == 0 || at != file) {
      rows.push_back(0);
    }
    ++rows.back();
    file = at;
  }
  return rows;
}

class SourceRuns : public testing::Test {
 protected:
  TempDir dir_;
  DatasetPtr files_ = in_files(dir_, "f", {counting("x", 100)}, {7, 40, 1, 30, 22});
};

TEST_F(SourceRuns, AreFiles) {
  EXPECT_EQ(unit_rows(files_), (Rows{7, 40, 1, 30, 22}));
  EXPECT_EQ(located(files_), unit_rows(files_));
}

TEST_F(SourceRuns, AreWhatViewsLeaveOfFiles) {
  EXPECT_EQ(unit_rows(slice(files_, 5, 50, 1)), (Rows{2, 40, 1, 7}));
  const std::vector<DatasetPtr> views = {
      slice(files_, 3, 30, 3),
      slice(files_, 99, 100, -1),
      slice(files_, 97, 14, -7),
      split(files_, {70, 30}, 4)[0],
      split(files_, {70, 30}, 4)[1],
      subset(files_, index_buffer({0, 1, 6, 7, 47, 99})),
      subset(files_, index_buffer({8, 9, 78})),  // nothing of the others
      subset(split(files_, {50, 50}, 1)[0], index_buffer({0, 20, 21, 49})),
      concat({files_, files_}),
      concat({slice(files_, 0, 3, 1), slice(files_, 3, 97, 1)}),
      concat({subset(files_, index_buffer({1, 9})), subset(files_, index_buffer({10, 60}))}),
      windows(files_, {.length = 5, .stride = 1, .within = std::nullopt}),
      windows(files_, {.length = 5, .stride = 3, .within = std::nullopt}),
      windows(subset(files_, index_buffer({0, 1, 6, 7, 47, 99})),
              {.length = 2, .stride = 1, .within = std::nullopt}),
  };
  for (size_t i = 0; i < views.size(); ++i) {
    EXPECT_EQ(unit_rows(views[i]), located(views[i])) << "view " << i;
  }
}

TEST_F(SourceRuns, AreArraysInMemory) {
  const DatasetPtr a = in_memory({counting("x", 10)});
  const DatasetPtr b = in_memory({counting("x", 4)});
  EXPECT_EQ(unit_rows(a), (Rows{10}));
  EXPECT_EQ(unit_rows(concat({a, b, a})), (Rows{10, 4, 10}));
  EXPECT_EQ(unit_rows(concat({slice(a, 0, 3, 1), slice(a, 5, 2, 1), b})), (Rows{5, 4}));
  EXPECT_EQ(unit_rows(slice(concat({a, b, a}), 1, 12, 2)), (Rows{5, 2, 5}));
}

TEST_F(SourceRuns, RefuseRowsInAnotherOrder) {
  for (const DatasetPtr& view :
       {subset(files_, index_buffer({5, 4})), subset(files_, index_buffer({4, 4})),
        concat({files_, subset(files_, index_buffer({9, 1}))}),
        slice(subset(files_, index_buffer({9, 1, 3})), 0, 2, 2)}) {
    expect_error(ErrorCode::kInvalid,
                 {"hr.ShardShuffle needs rows in the order of their files", "hr.BlockShuffle()"},
                 [&] { shuffle_units(*view); });
  }
}

}  // namespace
}  // namespace headrace
