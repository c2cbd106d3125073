#include "dataset/stack_reader.h"

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/column_views.h"
#include "dataset/extents.h"
#include "dataset/fingerprint.h"
#include "dataset/reader.h"
#include "dataset/row_requests.h"
#include "dataset/views.h"
#include "dataset/windows.h"
#include "testing/datasets.h"
#include "testing/errors.h"
#include "testing/sparse_columns.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

// "a" and "c" in files, "b" in memory; row i of "a" is i, of "b" 100000 + i, of "c" 200000 + i.
class Stacks : public testing::Test {
 protected:
  static constexpr uint64_t kRows = 3000;

  static int64_t number(uint64_t column, uint64_t row) {
    return static_cast<int64_t>(column * 100000 + row);
  }

  TempDir dir_;
  DatasetPtr parts_ =
      zip({in_files(dir_, "ac", {counting("a", kRows), counting("c", kRows, 200000)}, {1000, 2000}),
           in_memory({counting("b", kRows, 100000), counting("y", kRows, 7)})});
  DatasetPtr stacked_ = stack(parts_, {0, 2, 1}, "x");
};

TEST_F(Stacks, ShowTheirColumnsSideBySideInOneTensor) {
  ASSERT_EQ(stacked_->columns().size(), 2U);
  EXPECT_EQ(stacked_->columns()[0].field, make_field("x", DType::kInt64, {3}));
  EXPECT_EQ(stacked_->columns()[1].field.name, "y");
  const auto shows = [&](const DatasetPtr& dataset, const std::vector<uint64_t>& rows,
                         const std::vector<uint64_t>& stored) {
    std::vector<int64_t> expected;
    for (const uint64_t row : stored) {
      for (uint64_t column = 0; column < 3; ++column) {
        expected.push_back(number(column, row));
      }
    }
    EXPECT_EQ(PartsRead(dataset, rows).get<int64_t>(ColumnPart::kValues), expected);
  };
  std::vector<uint64_t> all = range(0, kRows);
  shows(stacked_, all, all);
  shows(stacked_, {2999, 999, 1000, 0, 0}, {2999, 999, 1000, 0, 0});
  shows(stacked_, {}, {});
  shows(slice(stacked_, 2000, 100, -10), {0, 99}, {2000, 1010});
  shows(subset(stacked_, index_buffer({5, 2500})), {1, 0}, {2500, 5});
  shows(concat({stacked_, slice(stacked_, 1, 10, 1)}), {3001, 5}, {2, 5});
  shows(select(rename(stacked_, {"z", "y"}), {0}), {8}, {8});
}

TEST_F(Stacks, CanBeCastAndHaveALayout) {
  const DatasetPtr narrow = cast(stacked_, {DType::kInt8, DType::kInt64});
  EXPECT_EQ(PartsRead(narrow, {1}).get<int8_t>(ColumnPart::kValues),
            (std::vector<int8_t>{static_cast<int8_t>(1), static_cast<int8_t>(100001 % 256 - 256),
                                 static_cast<int8_t>(200001 % 256)}));
  const DatasetPtr small = stack(in_memory({column<int64_t>("a", DType::kInt64, {0, 3, -1}),
                                            column<int64_t>("b", DType::kInt64, {2, 0, -1})}),
                                 {0, 1}, "x");
  const DatasetPtr hot = with_layout(
      small, 0, {.kind = LayoutKind::kDense, .indices = IndexSource{.width = 4, .pad = -1}});
  EXPECT_EQ(PartsRead(hot, {2, 1, 0}).get<float>(ColumnPart::kValues),
            (std::vector<float>{0, 0, 0, 0, 1, 0, 0, 1, 1, 0, 1, 0}));
}

TEST_F(Stacks, AreFoundInTheFilesOfAllTheirColumns) {
  EXPECT_EQ(stacked_->file_count(), 4U);
  EXPECT_TRUE(stacked_->in_files());
  EXPECT_EQ(stacked_->bytes(), kRows * 32);
  EXPECT_EQ(file_extents(*stacked_).size(), 4U);
  EXPECT_EQ(RowRequests(*stacked_).will_need(std::vector<uint64_t>{5}), 16U);
  EXPECT_EQ(fingerprint(stacked_), fingerprint(stack(parts_, {0, 2, 1}, "x")));
  EXPECT_NE(fingerprint(stacked_), fingerprint(stack(parts_, {0, 1, 2}, "x")));
}

TEST_F(Stacks, RefuseWhatHasNoPlaceInOneTensor) {
  expect_error(ErrorCode::kInvalid, {"at least one"}, [&] { stack(parts_, {}, "x"); });
  expect_error(ErrorCode::kInvalid, {"b is float32", "cast"}, [&] {
    stack(cast(parts_, {DType::kInt64, DType::kInt64, DType::kFloat32, DType::kInt64}), {0, 2},
          "x");
  });
  expect_error(ErrorCode::kUnsupported, {"column x is int64[3] stacked of 3 columns"},
               [&] { stack(stacked_, {0}, "again"); });
  expect_error(ErrorCode::kUnsupported, {"windows", "x (int64[3] stacked"},
               [&] { windows(stacked_, {.length = 2, .stride = 1, .within = {}}); });
}

}  // namespace
}  // namespace headrace
