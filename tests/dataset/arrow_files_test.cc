#include "dataset/arrow_files.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "dataset/views.h"
#include "testing/datasets.h"
#include "testing/errors.h"
#include "testing/shard_reading.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

TEST(ArrowFiles, ShowTheRowsOfEveryKindMappedAndByCalls) {
  const TempDir dir;
  const auto columns = columns_of_each_kind(100);
  const std::string one = dir.write("one.arrow", shard_bytes(columns, 16));
  const std::string two = dir.write("two.arrow", shard_bytes(columns, 100));
  for (const Io io : {Io::kAuto, Io::kPread, Io::kMmap}) {
    const DatasetPtr dataset = dataset_from_arrow_files({one, two}, {.io = io, .verify = true});
    EXPECT_EQ(dataset->rows(), 200U);
    EXPECT_EQ(dataset->file_count(), 2U);
    EXPECT_EQ(dataset->groups().front()->piece_count(), 8U);
    std::vector<uint64_t> expected = range(0, 100);
    const std::vector<uint64_t> again = expected;
    expected.insert(expected.end(), again.begin(), again.end());
    expect_shows_rows(dataset, range(0, 200), columns, expected);
    expect_shows_rows(dataset, {199, 3, 15, 16, 17, 117, 3}, columns, {99, 3, 15, 16, 17, 17, 3});
    expect_shows_rows(slice(dataset, 199, 100, -2), {0, 1, 99}, columns, {99, 97, 1});
  }
}

TEST(ArrowFiles, RowsAreLocatedInTheirFileWhateverTheRecordBatch) {
  const TempDir dir;
  const std::string path = dir.write("a.arrow", shard_bytes(columns_of_each_kind(50), 8));
  const DatasetPtr dataset = dataset_from_arrow_files({path});
  EXPECT_EQ(dataset->locate(49).file, path);
  EXPECT_EQ(dataset->locate(49).row, 49U);
  EXPECT_EQ(dataset->locate(8, 5).row, 8U);
}

TEST(ArrowFiles, MustHaveTheSameColumns) {
  const TempDir dir;
  const auto file = [&](const std::string& name, DType dtype) {
    return dir.write(name + ".arrow",
                     shard_bytes({make_column({.name = name, .dtype = dtype}, 4)}, 4));
  };
  const std::string x = file("x", DType::kInt32);
  expect_error(ErrorCode::kInvalid, {"x: int32", "y: int32"}, [&] {
    dataset_from_arrow_files({x, file("y", DType::kInt32)});
  });
  const auto two = shard_bytes({make_column({.name = "x", .dtype = DType::kInt32}, 4),
                                make_column({.name = "z", .dtype = DType::kInt32}, 4)},
                               4);
  const std::string both = dir.write("both.arrow", two);
  expect_error(ErrorCode::kInvalid, {"column 1 is z: int32 in " + both, "missing in " + x}, [&] {
    dataset_from_arrow_files({x, both});
  });
  expect_error(ErrorCode::kInvalid, {"column 1 is missing in " + x, "z: int32 in " + both}, [&] {
    dataset_from_arrow_files({both, x});
  });
}

TEST(ArrowFiles, CsrIsAsWideAsTheWidest) {
  const TempDir dir;
  const auto file = [&](const std::string& name, uint64_t width) {
    Field field{.name = "w",
                .dtype = DType::kFloat32,
                .kind = ColumnKind::kCsr,
                .index_dtype = DType::kInt32,
                .width = width};
    return dir.write(name, shard_bytes({make_column(std::move(field), 9)}, 4));
  };
  const std::string narrow = file("n.arrow", 10);
  const std::string wide = file("w.arrow", 20);
  EXPECT_EQ(dataset_from_arrow_files({narrow, wide})->schema().front().width, 20U);
  EXPECT_EQ(dataset_from_arrow_files({wide, narrow})->schema().front().width, 20U);
  EXPECT_EQ(RowsRead(dataset_from_arrow_files({narrow, wide}), {0, 17}).row(0, 0).size() % 8, 0U);
}

TEST(ArrowFiles, EmptyAndMissingFilesAreErrors) {
  const TempDir dir;
  const std::string empty =
      dir.write("e.arrow", shard_bytes({make_column({.name = "x", .dtype = DType::kInt32}, 0)}, 4));
  expect_error(ErrorCode::kInvalid, {"at least one row"},
               [&] { dataset_from_arrow_files({empty}); });
  expect_error(ErrorCode::kNotFound, {"absent"},
               [&] { dataset_from_arrow_files({dir.path("absent")}); });
}

}  // namespace
}  // namespace headrace
