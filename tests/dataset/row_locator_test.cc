#include "dataset/row_locator.h"

#include <cstdint>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/views.h"
#include "dataset/windows.h"
#include "testing/datasets.h"

namespace headrace {
namespace {

// Where each stored row goes, by part: first row of the source and place in the part.
uint64_t stored_rows(const RowLocator::Part& part) {
  uint64_t rows = 0;
  for (const Run& run : part.runs) {
    rows += run.count;
  }
  return rows;
}

TEST(RowLocator, FindsAllRowsOfABatchAtOnce) {
  const DatasetPtr dataset = in_memory({counting("id", 100)});
  RowLocator locator(*dataset);
  const std::vector<uint64_t> rows = {5, 6, 7, 50};
  locator.start(rows);
  const RowLocator::Part part = locator.locate(0, 0);
  EXPECT_EQ(part.rows, 4U);
  ASSERT_EQ(part.runs.size(), 2U);
  EXPECT_EQ(part.runs[0].first, 5U);
  EXPECT_EQ(part.runs[0].count, 3U);
  EXPECT_EQ(part.runs[1].out, 3U);
}

TEST(RowLocator, AppliesAMapOnTopToEveryGroup) {
  const DatasetPtr zipped = zip({in_memory({counting("a", 10)}), in_memory({counting("b", 10)})});
  const DatasetPtr dataset = subset(zipped, index_buffer({9, 3}));
  RowLocator locator(*dataset);
  for (const uint64_t row : {0, 1, 0}) {
    const std::vector<uint64_t> rows = {row};
    locator.start(rows);
    for (const uint32_t group : {0U, 1U}) {
      EXPECT_EQ(locator.locate(group, 0).runs[0].first, row == 0 ? 9U : 3U);
    }
  }
}

TEST(RowLocator, FindsWindowsOfManyRunsInParts) {
  // Every second row: a window of 5,000 rows is as many runs.
  const DatasetPtr sparse = slice(in_memory({counting("id", 40'000)}), 0, 20'000, 2);
  const DatasetPtr dataset =
      windows(sparse, {.length = 5000, .stride = 100, .within = std::nullopt});
  RowLocator locator(*dataset);
  const std::vector<uint64_t> rows = range(0, 100);
  locator.start(rows);
  uint64_t done = 0;
  uint64_t parts = 0;
  while (done < rows.size()) {
    const RowLocator::Part part = locator.locate(0, done);
    ASSERT_GT(part.rows, 0U);
    EXPECT_EQ(stored_rows(part), part.rows * 5000);
    done += part.rows;
    ++parts;
  }
  EXPECT_EQ(done, rows.size());
  EXPECT_GT(parts, 1U);
}

}  // namespace
}  // namespace headrace
