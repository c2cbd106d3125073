#include "order/window_shuffle.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace headrace {
namespace {

std::vector<uint64_t> take_all(const WindowShuffle& shuffle, uint64_t stride = 1,
                               uint64_t first = 0) {
  std::vector<uint64_t> rows((shuffle.rows() - first - 1) / stride + 1);
  WindowShuffle::Workspace space;
  shuffle.take(first, stride, rows, space);
  return rows;
}

void expect_bijection(const WindowShuffle& shuffle) {
  std::vector<uint64_t> rows = take_all(shuffle);
  std::sort(rows.begin(), rows.end());
  for (uint64_t i = 0; i < rows.size(); ++i) {
    ASSERT_EQ(rows[i], i) << shuffle.rows() << " rows, blocks of " << shuffle.block_rows()
                          << ", window " << shuffle.window();
  }
}

TEST(WindowShuffle, IsABijectionForUnevenTails) {
  for (uint64_t rows = 1; rows <= 70; ++rows) {
    for (uint64_t block = 1; block <= rows + 1; ++block) {
      for (const uint64_t window : {1U, 2U, 3U, 5U, 8U, 100U}) {
        expect_bijection(WindowShuffle(rows, block, window, OrderKey{rows, block}));
      }
    }
  }
}

TEST(WindowShuffle, IsABijectionForManyBlocks) {
  for (const uint64_t rows : {100000U, 99999U, 65537U}) {
    for (const uint64_t block : {1U, 7U, 100U, 4096U}) {
      expect_bijection(WindowShuffle(rows, block, 16, OrderKey{1, 2}));
    }
  }
}

TEST(WindowShuffle, BeginsStagesWhereTheirPartsSayTheyDo) {
  for (const uint64_t rows : {1U, 10U, 97U, 1000U, 1003U}) {
    for (const uint64_t block : {1U, 3U, 10U, 64U}) {
      for (const uint64_t window : {1U, 2U, 4U, 7U}) {
        const WindowShuffle shuffle(rows, block, window, OrderKey{5, 6});
        std::vector<WindowShuffle::Part> parts;
        uint64_t begin = 0;
        for (uint64_t stage = 0; stage < shuffle.stages(); ++stage) {
          ASSERT_EQ(shuffle.stage_begin(stage), begin);
          shuffle.stage_parts(stage, parts);
          uint64_t stage_rows = 0;
          for (const WindowShuffle::Part& part : parts) {
            stage_rows += part.rows;
          }
          for (uint64_t i = begin; i < begin + stage_rows; ++i) {
            ASSERT_EQ(shuffle.stage_of(i), stage);
          }
          begin += stage_rows;
        }
        ASSERT_EQ(begin, rows);
        ASSERT_EQ(shuffle.stage_begin(shuffle.stages()), rows);
      }
    }
  }
}

TEST(WindowShuffle, OpensEachBlockOnceAndAtMostAWindowOfThem) {
  const uint64_t block = 50;
  const uint64_t window = 4;
  const WindowShuffle shuffle(2000, block, window, OrderKey{1, 0});
  std::vector<WindowShuffle::Part> parts;
  std::set<uint64_t> finished;
  std::set<uint64_t> open;
  for (uint64_t stage = 0; stage < shuffle.stages(); ++stage) {
    shuffle.stage_parts(stage, parts);
    std::set<uint64_t> now;
    for (const WindowShuffle::Part& part : parts) {
      ASSERT_FALSE(finished.contains(part.place)) << "block at " << part.place << " came back";
      now.insert(part.place);
    }
    ASSERT_LE(now.size(), window);
    std::set_difference(open.begin(), open.end(), now.begin(), now.end(),
                        std::inserter(finished, finished.end()));
    open = now;
  }
}

TEST(WindowShuffle, SaysWhichBlocksAreOpenAndWhichRowsTheyHold) {
  for (const auto& [rows, block_rows, window] :
       {std::array<uint64_t, 3>{1000, 7, 5}, {64, 8, 8}, {10, 100, 3}, {50, 1, 4}}) {
    const WindowShuffle shuffle(rows, block_rows, window, OrderKey{3, 1});
    std::vector<uint64_t> seen;
    for (uint64_t place = 0; place < shuffle.blocks(); ++place) {
      const WindowShuffle::Block block = shuffle.block(place);
      for (uint64_t row = block.first_row; row < block.first_row + block.rows; ++row) {
        seen.push_back(row);
      }
    }
    std::sort(seen.begin(), seen.end());
    std::vector<uint64_t> all(rows);
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(seen, all);
    WindowShuffle::Workspace space;
    for (uint64_t stage = 0; stage < shuffle.stages(); ++stage) {
      const auto [first, end] = shuffle.open_blocks(stage);
      ASSERT_LE(end - first, shuffle.window());
      std::vector<uint64_t> taken(shuffle.stage_begin(stage + 1) - shuffle.stage_begin(stage));
      shuffle.take(shuffle.stage_begin(stage), 1, taken, space);
      for (const uint64_t row : taken) {
        bool open = false;
        for (uint64_t place = first; place < end; ++place) {
          const WindowShuffle::Block block = shuffle.block(place);
          open = open || (row >= block.first_row && row < block.first_row + block.rows);
        }
        ASSERT_TRUE(open) << "row " << row << " of stage " << stage;
      }
    }
  }
}

TEST(WindowShuffle, GivesTheFirstRowsFromOneBlock) {
  const WindowShuffle shuffle(10000, 100, 10, OrderKey{2, 0});
  const std::vector<uint64_t> rows = take_all(shuffle);
  for (uint64_t i = 0; i < 10; ++i) {
    EXPECT_EQ(rows[i] / 100, rows[0] / 100);
  }
}

TEST(WindowShuffle, TakesTheSameRowsByAnyStrideAndStart) {
  const WindowShuffle shuffle(1003, 17, 5, OrderKey{3, 4});
  const std::vector<uint64_t> all = take_all(shuffle);
  for (const uint64_t stride : {1U, 2U, 7U, 100U}) {
    for (const uint64_t first : {0U, 1U, 500U, 1002U}) {
      const std::vector<uint64_t> some = take_all(shuffle, stride, first);
      for (uint64_t i = 0; i < some.size(); ++i) {
        ASSERT_EQ(some[i], all[first + i * stride]);
      }
    }
  }
}

TEST(WindowShuffle, WorksAtSizesNoTableCouldHold) {
  const uint64_t rows = uint64_t{1} << 50;
  const WindowShuffle shuffle(rows, 4096, 64, OrderKey{8, 0});
  WindowShuffle::Workspace space;
  std::vector<uint64_t> taken(1024);
  std::set<uint64_t> seen;
  for (const uint64_t first : {uint64_t{0}, rows / 3, rows - 1024}) {
    shuffle.take(first, 1, taken, space);
    for (const uint64_t row : taken) {
      ASSERT_LT(row, rows);
      ASSERT_TRUE(seen.insert(row).second);
    }
  }
}

TEST(WindowShuffle, ChangesWithSeedAndEpoch) {
  const auto order = [](OrderKey key) { return take_all(WindowShuffle(1000, 10, 4, key)); };
  EXPECT_NE(order({0, 0}), order({0, 1}));
  EXPECT_NE(order({0, 1}), order({1, 0}));
  EXPECT_EQ(order({5, 7}), order({5, 7}));
}

}  // namespace
}  // namespace headrace
