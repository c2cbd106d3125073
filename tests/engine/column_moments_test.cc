#include "engine/column_moments.h"

#include <cstdint>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/column_views.h"
#include "dataset/views.h"
#include "testing/datasets.h"

namespace headrace {
namespace {

void nothing() {}

TEST(ColumnMoments, AreThoseOfAllRows) {
  const DatasetPtr dataset = in_memory({counting("x", 1001)});
  const Moments moments = column_moments(dataset, 0, 2, nothing);
  EXPECT_EQ(moments.counts()[0], 1001U);
  EXPECT_EQ(moments.means()[0], 500);
  EXPECT_EQ(moments.squares()[0], 1001.0 * (1001.0 * 1001 - 1) / 12);
  EXPECT_EQ(moments.lows()[0], 0);
  EXPECT_EQ(moments.highs()[0], 1000);
}

TEST(ColumnMoments, HaveTheSameBitsForAnyThreads) {
  const uint64_t rows = 1 << 20;
  const DatasetPtr dataset =
      map_values(cast(in_memory({counting("x", rows)}), {DType::kFloat64}), 0, Log1p{});
  const Moments one = column_moments(dataset, 0, 1, nothing);
  for (const uint64_t threads : {2U, 5U}) {
    const Moments more = column_moments(dataset, 0, threads, nothing);
    EXPECT_EQ(more.means(), one.means());
    EXPECT_EQ(more.squares(), one.squares());
  }
  EXPECT_EQ(one.counts()[0], rows);
}

TEST(ColumnMoments, AreOfRowsAsAViewShowsThem) {
  const DatasetPtr some = slice(in_memory({counting("x", 100)}), 10, 3, 1);
  EXPECT_EQ(column_moments(some, 0, 1, nothing).means()[0], 11);
}

TEST(ColumnMoments, StopWhereThePollThrows) {
  const DatasetPtr dataset = in_memory({counting("x", 1 << 20)});
  EXPECT_THROW(column_moments(dataset, 0, 1, [] { throw std::runtime_error("Ctrl-C"); }),
               std::runtime_error);
}

}  // namespace
}  // namespace headrace
