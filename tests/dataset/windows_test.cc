#include "dataset/windows.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/column_views.h"
#include "dataset/views.h"
#include "testing/datasets.h"
#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

using Rows = std::vector<uint64_t>;

DatasetPtr windows_of(const DatasetPtr& dataset, uint64_t length, uint64_t stride) {
  return windows(dataset, {.length = length, .stride = stride, .within = {}});
}

DatasetPtr windows_within(const DatasetPtr& dataset, uint64_t length, uint64_t stride,
                          size_t within) {
  return windows(dataset, {.length = length, .stride = stride, .within = within});
}

// The first number of each window.
Rows starts_of(const DatasetPtr& dataset, size_t column, uint64_t length) {
  const Rows all = all_numbers(dataset, column);
  Rows starts;
  for (size_t i = 0; i < all.size(); i += length) {
    starts.push_back(all[i]);
    for (uint64_t j = 0; j < length; ++j) {
      EXPECT_EQ(all[i + j], all[i] + j);
    }
  }
  return starts;
}

TEST(Windows, OverlapAndLeaveOutTheRestAtTheEnd) {
  const DatasetPtr dataset = in_memory({counting("x", 12)});
  EXPECT_EQ(starts_of(windows_of(dataset, 4, 3), 0, 4), (Rows{0, 3, 6}));
  EXPECT_EQ(starts_of(windows_of(dataset, 4, 4), 0, 4), (Rows{0, 4, 8}));
  EXPECT_EQ(starts_of(windows_of(dataset, 4, 5), 0, 4), (Rows{0, 5}));
  EXPECT_EQ(starts_of(windows_of(dataset, 12, 1), 0, 12), Rows{0});
  EXPECT_EQ(starts_of(windows_of(dataset, 1, 1), 0, 1), range(0, 12));
  EXPECT_EQ(starts_of(windows_of(dataset, 3, UINT64_MAX), 0, 3), Rows{0});
}

TEST(Windows, GiveEachColumnOneDimensionMore) {
  const DatasetPtr dataset =
      windows_of(in_memory({counting("x", 12), random_floats("y", 12, {2, 3}, 1)}), 4, 2);
  EXPECT_EQ(dataset->columns()[0].field, make_field("x", DType::kInt64, {4}));
  EXPECT_EQ(dataset->columns()[1].field, make_field("y", DType::kFloat32, {4, 2, 3}));
  EXPECT_EQ(dataset->rows(), 5U);
  EXPECT_EQ(dataset->bytes(), 5U * 4 * (8 + 24));
}

TEST(Windows, CrossTheBordersOfFiles) {
  const TempDir dir;
  const Values x = counting("x", 60);
  const DatasetPtr files = in_files(dir, "f", {x}, {1, 7, 0, 3, 2, 47});
  EXPECT_EQ(starts_of(windows_of(files, 9, 1), 0, 9), range(0, 52));
  // The file and row of the first row of a window.
  const DatasetPtr dataset = windows_of(files, 9, 3);
  EXPECT_EQ(dataset->locate(2).file, dir.path("f-x-1.bin"));
  EXPECT_EQ(dataset->locate(2).row, 5U);
  // Also where rows are looked up one by one, in parts.
  const DatasetPtr joined = concat({slice(files, 20, 21, -1), files});
  const DatasetPtr backwards = windows_of(slice(joined, 80, 81, -1), 9, 1);
  EXPECT_EQ(all_numbers(slice(backwards, 58, 1, 1)), (Rows{1, 0, 0, 1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(backwards->locate(58).file, dir.path("f-x-1.bin"));  // in the part that comes last
  EXPECT_EQ(backwards->locate(58).row, 0U);
}

TEST(Windows, OfEveryGroupAreTheSameRows) {
  const TempDir dir;
  const std::vector<Values> columns = {counting("x", 40), counting("y", 40, 1000)};
  const DatasetPtr dataset = with_row_ids(
      zip({in_files(dir, "f", {columns[0]}, {13, 27}), slice(in_memory({columns[1]}), 0, 40, 1)}),
      "row");
  const DatasetPtr shown = windows_of(dataset, 5, 2);
  const Rows x = all_numbers(shown, 0);
  const Rows y = all_numbers(shown, 1);
  for (size_t i = 0; i < x.size(); ++i) {
    ASSERT_EQ(y[i], x[i] + 1000);
  }
  EXPECT_EQ(all_numbers(shown, 2), x);
  EXPECT_EQ(starts_of(shown, 2, 5).size(), 18U);
}

TEST(Windows, OfDatasetsAreJoined) {
  const DatasetPtr a = windows_of(in_memory({counting("x", 10)}), 4, 2);
  const DatasetPtr b = windows_of(in_memory({counting("x", 10, 100)}), 4, 6);
  EXPECT_EQ(starts_of(concat({a, b}), 0, 4), (Rows{0, 2, 4, 6, 100, 106}));
}

TEST(Windows, AreNotJoinedWithRowsThatAreStoredInTheirShape) {
  const DatasetPtr shown = windows_of(in_memory({counting("x", 10)}), 4, 2);
  const DatasetPtr stored =
      in_memory({column("x", DType::kInt64, range(0, 8), std::vector<uint64_t>{4})});
  expect_error(ErrorCode::kUnsupported,
               {"column x", "4 stored rows in dataset 0", "1 in dataset 1"}, [&] {
                 concat({shown, stored});
               });
}

TEST(Windows, SplitByFileIsDoneBefore) {
  const TempDir dir;
  const DatasetPtr files = in_files(dir, "f", {counting("x", 40)}, {20, 20});
  expect_error(ErrorCode::kInvalid, {"split before", "windows"}, [&] {
    split_by_file(windows_of(files, 4, 4), {0.5, 0.5}, 1);
  });
}

TEST(Windows, RefuseWhatDoesNotFit) {
  const DatasetPtr dataset = in_memory({counting("x", 12)});
  expect_error(ErrorCode::kInvalid, {"13 rows", "dataset has 12", "smaller length"},
               [&] { windows_of(dataset, 13, 1); });
  expect_error(ErrorCode::kInvalid, {"length", "at least 1"}, [&] { windows_of(dataset, 0, 1); });
  expect_error(ErrorCode::kInvalid, {"stride", "at least 1"}, [&] { windows_of(dataset, 1, 0); });
}

// A column of one byte that says that it has `rows` rows.
DatasetPtr endless(uint64_t rows) {
  static const std::byte kZero{};
  const Buffer owner = Buffer::copy_of({&kZero, 1});
  auto source = std::make_shared<ArraySource>(
      rows, std::vector<ArraySource::Array>{{owner, {owner.data(), 0, nullptr}, 1, DType::kUint8}});
  return std::make_shared<Dataset>(
      std::vector<DatasetColumn>{
          {.field = make_field("x", DType::kUint8, {}), .group = 0, .column = 0, .casts = {}}},
      std::vector{RowSpace::table(
          {{.source = std::move(source), .first = 0, .rows = rows, .columns = nullptr}})});
}

TEST(Windows, RefuseSizesBeyond64Bits) {
  const DatasetPtr dataset = endless(uint64_t{1} << 45);
  EXPECT_EQ(windows_of(dataset, 1000, 1)->rows(), (uint64_t{1} << 45) - 999);
  expect_error(ErrorCode::kInvalid, {"bytes of all windows"},
               [&] { windows_of(dataset, 1'000'000, 1); });
  expect_error(ErrorCode::kInvalid, {"2^32"}, [&] { windows_of(dataset, uint64_t{1} << 40, 1); });
}

TEST(WindowsWithin, StayInTheirSeries) {
  const std::vector<int32_t> ids = {7, 7, 7, 7, 2, 2, 7, 7, 7, 5, 4, 4};
  const DatasetPtr dataset =
      in_memory({counting("x", ids.size()), column("id", DType::kInt32, ids)});
  EXPECT_EQ(starts_of(windows_within(dataset, 2, 1, 1), 0, 2), (Rows{0, 1, 2, 4, 6, 7, 10}));
  EXPECT_EQ(starts_of(windows_within(dataset, 2, 2, 1), 0, 2), (Rows{0, 2, 4, 6, 10}));
  EXPECT_EQ(starts_of(windows_within(dataset, 3, 2, 1), 0, 3), (Rows{0, 6}));
  EXPECT_EQ(starts_of(windows_within(dataset, 1, 3, 1), 0, 1), (Rows{0, 3, 4, 6, 9, 10}));
  const DatasetPtr shown = windows_within(dataset, 3, 1, 1);
  EXPECT_EQ(all_numbers<int32_t>(shown, 1), (std::vector<int32_t>{7, 7, 7, 7, 7, 7, 7, 7, 7}));
}

TEST(WindowsWithin, FindSeriesOfAnyLengthAcrossTheirReads) {
  // 8-byte rows are read 65,536 at a time, and compared 64 at a time.
  const Rows lengths = {1, 63, 64, 65, 65'343, 1, 2, 65'536, 70'000, 5};
  Rows ids;
  for (uint64_t i = 0; i < lengths.size(); ++i) {
    ids.insert(ids.end(), lengths[i], i);
  }
  const DatasetPtr dataset = in_memory({column("id", DType::kUint64, ids)});
  const DatasetPtr shown = windows_within(with_row_ids(dataset, "row"), 1, 1'000'000, 0);
  EXPECT_EQ(all_numbers(shown, 0), range(0, lengths.size()));
  Rows starts;
  uint64_t start = 0;
  for (const uint64_t length : lengths) {
    starts.push_back(start);
    start += length;
  }
  EXPECT_EQ(all_numbers(shown, 1), starts);
}

TEST(WindowsWithin, MayGoByAColumnOfWiderRowsAndByOneThatIsConverted) {
  const DatasetPtr pairs = in_memory(
      {counting("x", 4), column("pair", DType::kInt8, std::vector<int8_t>{1, 2, 1, 2, 1, 3, 1, 3},
                                std::vector<uint64_t>{2})});
  EXPECT_EQ(starts_of(windows_within(pairs, 2, 1, 1), 0, 2), (Rows{0, 2}));
  const DatasetPtr days = in_memory(
      {counting("x", 4), column("day", DType::kFloat64, std::vector<double>{1.0, 1.5, 2.25, 2.5})});
  EXPECT_EQ(starts_of(windows_within(cast(days, {DType::kInt64, DType::kInt64}), 2, 1, 1), 0, 2),
            (Rows{0, 2}));
  expect_error(ErrorCode::kInvalid, {"column day", "longest", "has 1"},
               [&] { windows_within(days, 2, 1, 1); });
}

TEST(WindowsWithin, RefuseSeriesThatAreAllTooShortAndNameTheColumn) {
  const DatasetPtr dataset = in_memory({column("id", DType::kInt32, std::vector{1, 1, 2, 2, 2})});
  const Error error =
      expect_error(ErrorCode::kInvalid, {"4 rows", "longest", "column id", "has 3", "follow"},
                   [&] { windows_within(dataset, 4, 1, 0); });
  EXPECT_EQ(error.context().column, "id");
}

TEST(WindowsWithin, StopWhenPollSaysSo) {
  const DatasetPtr dataset = endless(uint64_t{1} << 45);
  int polls = 0;
  EXPECT_THROW(windows(dataset, {.length = 1000, .stride = 1000, .within = 0},
                       [&] {
                         if (++polls == 3) {
                           throw std::runtime_error("stop");
                         }
                       }),
               std::runtime_error);
}

TEST(WindowsWithin, SaysWhichFileWasCut) {
  const TempDir dir;
  const DatasetPtr files = in_files(dir, "f", {counting("x", 4096)}, {4096});
  read_rows(files, {0});  // maps it
  std::filesystem::resize_file(dir.path("f-x-0.bin"), 4096);
  const Error error =
      expect_error(ErrorCode::kTruncated, {"f-x-0.bin"}, [&] { windows_within(files, 1, 1, 0); });
  EXPECT_EQ(error.context().file, dir.path("f-x-0.bin"));
}

}  // namespace
}  // namespace headrace
