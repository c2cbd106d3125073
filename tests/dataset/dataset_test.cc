#include "dataset/dataset.h"

#include <filesystem>
#include <memory>
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

std::shared_ptr<Dataset> dataset_of(std::vector<DatasetColumn> columns,
                                    std::vector<RowSpacePtr> groups) {
  return std::make_shared<Dataset>(std::move(columns), std::move(groups));
}

RowSpacePtr space_of(uint64_t rows) { return in_memory({counting("x", rows)})->groups().front(); }

DatasetColumn shown(const std::string& name, uint32_t group) {
  return {.field = make_field(name, DType::kInt64, {}), .group = group, .column = 0, .casts = {}};
}

TEST(Dataset, KnowsItsColumnsRowsAndBytes) {
  const DatasetPtr dataset = in_memory({counting("x", 10), random_floats("y", 10, {3, 4}, 1)});
  EXPECT_EQ(dataset->rows(), 10U);
  EXPECT_EQ(dataset->bytes(), 10U * (8 + 48));
  EXPECT_EQ(dataset->schema(),
            (Schema{make_field("x", DType::kInt64, {}), make_field("y", DType::kFloat32, {3, 4})}));
  EXPECT_EQ(dataset->file_count(), 0U);
}

TEST(Dataset, RefusesNoColumns) {
  expect_error(ErrorCode::kInvalid, {"at least one column"}, [] { dataset_of({}, {}); });
}

TEST(Dataset, RefusesNoRows) {
  expect_error(ErrorCode::kInvalid, {"at least one row", "found 0"},
               [] { dataset_of({shown("x", 0)}, {RowSpace::table({})}); });
}

TEST(Dataset, RefusesARepeatedName) {
  const Error error = expect_error(ErrorCode::kInvalid, {"column y", "twice", "rename"}, [] {
    dataset_of({shown("x", 0), shown("y", 0), shown("y", 0)}, {space_of(3)});
  });
  EXPECT_EQ(error.context().column, "y");
}

TEST(Dataset, RefusesColumnsOfDifferentLengths) {
  const Error error = expect_error(ErrorCode::kInvalid, {"column x has 3", "column y has 4"}, [] {
    dataset_of({shown("x", 0), shown("y", 1)}, {space_of(3), space_of(4)});
  });
  EXPECT_EQ(error.context().column, "y");
}

TEST(Dataset, CountsEachFileOnce) {
  const TempDir dir;
  const DatasetPtr files = in_files(dir, "a", {counting("x", 10), counting("y", 10)}, {3, 3, 4});
  EXPECT_EQ(files->file_count(), 6U);
  EXPECT_EQ(concat({files, files})->file_count(), 6U);
  EXPECT_EQ(select(files, {1})->file_count(), 3U);
  EXPECT_EQ(slice(files, 3, 2, 1)->file_count(), 2U);
}

TEST(Dataset, KnowsWhichColumnsConvert) {
  const DatasetPtr dataset = in_memory({counting("x", 3), counting("y", 3), counting("z", 3)});
  const DatasetPtr there = cast(dataset, {DType::kInt64, DType::kFloat32, DType::kInt8});
  const DatasetPtr back = cast(there, {DType::kInt64, DType::kFloat32, DType::kInt64});
  EXPECT_FALSE(back->converts(0));
  EXPECT_TRUE(back->converts(1));
  EXPECT_TRUE(back->converts(2));  // through int8, which wraps
}

TEST(DatasetColumn, GivesThePathFromWhatASourceHolds) {
  const DatasetPtr dataset = in_memory({counting("x", 3)});
  const DatasetPtr twice = cast(cast(dataset, {DType::kInt8}), {DType::kFloat32});
  EXPECT_EQ(dataset->columns()[0].conversion_path(DType::kInt64),
            std::vector<ValueStep>{DType::kInt64});
  EXPECT_EQ(twice->columns()[0].conversion_path(DType::kInt64),
            (std::vector<ValueStep>{DType::kInt64, DType::kInt8, DType::kFloat32}));
}

TEST(Locate, GivesFileAndRowInTheFile) {
  const TempDir dir;
  const DatasetPtr files = in_files(dir, "a", {counting("x", 10), counting("y", 10)}, {3, 0, 7});
  EXPECT_EQ(files->locate(2).file, dir.path("a-x-0.bin"));
  EXPECT_EQ(files->locate(2).row, 2U);
  EXPECT_EQ(files->locate(3).file, dir.path("a-x-2.bin"));
  EXPECT_EQ(files->locate(3).row, 0U);
  EXPECT_EQ(files->locate(9, 1).file, dir.path("a-y-2.bin"));
  EXPECT_EQ(files->locate(9, 1).row, 6U);
  const DatasetPtr turned = slice(files, 9, 10, -1);
  EXPECT_EQ(turned->locate(0).row, 6U);
  EXPECT_EQ(turned->locate(9).file, dir.path("a-x-0.bin"));
}

TEST(Locate, OfAnArrayHasNoFile) {
  const DatasetPtr dataset = in_memory({counting("x", 10)});
  EXPECT_EQ(dataset->locate(7).file, "");
  EXPECT_EQ(dataset->locate(7).row, 7U);
}

TEST(Locate, RefusesARowOutside) {
  const DatasetPtr dataset = in_memory({counting("x", 10)});
  const Error error = expect_error(ErrorCode::kIndex, {"row 10", "10 rows"},
                                   [&] { static_cast<void>(dataset->locate(10)); });
  EXPECT_EQ(error.context().row, 10U);
  expect_error(ErrorCode::kIndex, {}, [&] { static_cast<void>(dataset->locate(UINT64_MAX)); });
}

TEST(CheckFiles, FindsAMappedFileThatBecameShorter) {
  const TempDir dir;
  const DatasetPtr files = in_files(dir, "a", {counting("x", 10)}, {3, 7});
  std::filesystem::resize_file(dir.path("a-x-0.bin"), 8);
  files->check_files();  // nothing is mapped yet
  std::filesystem::resize_file(dir.path("a-x-0.bin"), 24);
  read_rows(files, {0, 9});
  files->check_files();
  std::filesystem::resize_file(dir.path("a-x-1.bin"), 55);
  const Error error =
      expect_error(ErrorCode::kTruncated, {"a-x-1.bin", "56", "55"}, [&] { files->check_files(); });
  EXPECT_EQ(error.context().file, dir.path("a-x-1.bin"));
}

}  // namespace
}  // namespace headrace
