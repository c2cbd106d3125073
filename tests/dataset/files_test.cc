#include "dataset/files.h"

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "testing/datasets.h"
#include "testing/errors.h"
#include "testing/npy_files.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

Field floats(const std::string& name, std::vector<uint64_t> shape = {}) {
  return make_field(name, DType::kFloat32, std::move(shape));
}

std::string write_npy(const TempDir& dir, const std::string& name, const std::string& descr,
                      const std::string& shape, const std::vector<float>& values) {
  return write_npy_file(dir, name, descr, shape, std::as_bytes(std::span(values)));
}

TEST(RawFiles, ShowTheirRowsOneAfterAnother) {
  const TempDir dir;
  const std::vector<Values> columns = {random_floats("x", 20, {3}, 1), counting("y", 20)};
  const DatasetPtr dataset = in_files(dir, "a", columns, {5, 0, 1, 14});
  expect_shows(dataset, columns, 1);
  EXPECT_EQ(dataset->groups().size(), 1U);
  EXPECT_TRUE(dataset->groups().front()->is_table());
}

TEST(RawFiles, AreNotOpenedBeforeTheirRowsAreRead) {
  const TempDir dir;
  const DatasetPtr dataset = in_files(dir, "a", {counting("x", 4)}, {2, 2});
  std::filesystem::remove(dir.path("a-x-1.bin"));
  EXPECT_EQ(numbers<int64_t>(dataset, 0, {0, 1}), (std::vector<int64_t>{0, 1}));
  const Error error =
      expect_error(ErrorCode::kNotFound, {"a-x-1.bin"}, [&] { read_rows(dataset, {2}); });
  EXPECT_EQ(error.context().file, dir.path("a-x-1.bin"));
}

TEST(RawFiles, MustBeMultiplesOfARow) {
  const TempDir dir;
  const std::string path = dir.fill("a", 50);
  const Error error = expect_error(
      ErrorCode::kInvalid, {path, "50 bytes", "12 bytes of a row", "float32[3]", "row_shape"}, [&] {
        dataset_from_raw_files({{"x", {path}}}, {floats("x", {3})});
      });
  EXPECT_EQ(error.context().file, path);
  EXPECT_EQ(error.context().column, "x");
}

TEST(RawFiles, MustExistAndBeFiles) {
  const TempDir dir;
  expect_error(ErrorCode::kNotFound, {"absent"}, [&] {
    dataset_from_raw_files({{"x", {dir.path("absent")}}}, {floats("x")});
  });
  expect_error(ErrorCode::kInvalid, {"directory"}, [&] {
    dataset_from_raw_files({{"x", {dir.path()}}}, {floats("x")});
  });
}

TEST(RawFiles, OfEveryColumnMustBeEquallyMany) {
  const TempDir dir;
  const std::string path = dir.fill("a", 8);
  const Error error = expect_error(ErrorCode::kInvalid, {"column x has 2", "column y has 1"}, [&] {
    dataset_from_raw_files({{"x", {path, path}}, {"y", {path}}}, {floats("x"), floats("y")});
  });
  EXPECT_EQ(error.context().column, "y");
}

TEST(RawFiles, ThatArePairedMustHaveEquallyManyRows) {
  const TempDir dir;
  const std::string two = dir.fill("two", 8);
  const std::string three = dir.fill("three", 12);
  const Error error =
      expect_error(ErrorCode::kInvalid, {"two has 2", "three has 3", "pairing"}, [&] {
        dataset_from_raw_files({{"x", {two, two}}, {"y", {two, three}}},
                               {floats("x"), floats("y")});
      });
  EXPECT_EQ(error.context().file, three);
  EXPECT_EQ(error.context().column, "y");
  // Equal totals do not help: every pair counts.
  expect_error(ErrorCode::kInvalid, {"pairing"}, [&] {
    dataset_from_raw_files({{"x", {two, three}}, {"y", {three, two}}}, {floats("x"), floats("y")});
  });
}

TEST(RawFiles, WithoutRowsOrFilesAreInvalid) {
  const TempDir dir;
  expect_error(ErrorCode::kInvalid, {"at least one row"}, [&] {
    dataset_from_raw_files({{"x", {dir.fill("empty", 0)}}}, {floats("x")});
  });
  expect_error(ErrorCode::kInvalid, {"column x has no files"}, [&] {
    dataset_from_raw_files({{"x", {}}}, {floats("x")});
  });
}

TEST(RawFiles, WithoutColumnsAreInvalid) {
  expect_error(ErrorCode::kInvalid, {"column"}, [] { dataset_from_raw_files({}, {}); });
  expect_error(ErrorCode::kInvalid, {"column"}, [] { dataset_from_npy_files({}); });
}

TEST(NpyFiles, ShowTheirRowsOneAfterAnother) {
  const TempDir dir;
  const std::string a = write_npy(dir, "a.npy", "<f4", "(2, 2)", {1, 2, 3, 4});
  const std::string b = write_npy(dir, "b.npy", "<f4", "(1, 2)", {5, 6});
  const std::string c = write_npy(dir, "c.npy", "<f4", "(0, 2)", {});
  const DatasetPtr dataset = dataset_from_npy_files({{"x", {a, c, b}}});
  EXPECT_EQ(dataset->schema(), Schema{floats("x", {2})});
  EXPECT_EQ(all_numbers<float>(dataset), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(dataset->locate(2).file, b);
}

TEST(NpyFiles, OfSeveralColumnsArePairedByPosition) {
  const TempDir dir;
  const std::string a = write_npy(dir, "a.npy", "<f4", "(2,)", {1, 2});
  const std::string b = write_npy(dir, "b.npy", "<i4", "(2,)", {0, 0});
  const std::string c = write_npy(dir, "c.npy", "<i4", "(3,)", {0, 0, 0});
  EXPECT_EQ(dataset_from_npy_files({{"x", {a}}, {"y", {b}}})->columns()[1].field.dtype,
            DType::kInt32);
  expect_error(ErrorCode::kInvalid, {"a.npy has 2", "c.npy has 3"}, [&] {
    dataset_from_npy_files({{"x", {a}}, {"y", {c}}});
  });
}

TEST(NpyFiles, OfAColumnMustAgree) {
  const TempDir dir;
  const std::string a = write_npy(dir, "a.npy", "<f4", "(2, 2)", {1, 2, 3, 4});
  const std::string wide = write_npy(dir, "wide.npy", "<f4", "(1, 3)", {1, 2, 3});
  const std::string whole = write_npy(dir, "whole.npy", "<i4", "(1, 2)", {1, 2});
  const Error shape =
      expect_error(ErrorCode::kInvalid, {"column x", "float32[2]", wide, "float32[3]"}, [&] {
        dataset_from_npy_files({{"x", {a, wide}}});
      });
  EXPECT_EQ(shape.context().file, wide);
  expect_error(ErrorCode::kInvalid, {"float32[2]", whole, "int32[2]"}, [&] {
    dataset_from_npy_files({{"x", {a, whole}}});
  });
}

TEST(NpyFiles, PassOnWhatTheirHeadersSay) {
  const TempDir dir;
  const std::string flat = write_npy(dir, "flat.npy", "<f4", "(2, 0)", {});
  expect_error(ErrorCode::kUnsupported, {"no elements"}, [&] {
    dataset_from_npy_files({{"x", {flat}}});
  });
  const std::string big = write_npy(dir, "big.npy", ">f4", "(1,)", {1});
  expect_error(ErrorCode::kUnsupported, {"big endian"}, [&] {
    dataset_from_npy_files({{"x", {big}}});
  });
  const std::string cut = write_npy(dir, "cut.npy", "<f4", "(3,)", {1, 2});
  expect_error(ErrorCode::kTruncated, {"cut.npy"}, [&] { dataset_from_npy_files({{"x", {cut}}}); });
  expect_error(ErrorCode::kNotFound, {"absent"}, [&] {
    dataset_from_npy_files({{"x", {dir.path("absent")}}});
  });
  const std::string none = write_npy(dir, "none.npy", "<f4", "(0,)", {});
  expect_error(ErrorCode::kInvalid, {"at least one row"}, [&] {
    dataset_from_npy_files({{"x", {none}}});
  });
}

TEST(NpyFiles, ThatAreCutAfterOpeningAreTruncatedWhenRead) {
  const TempDir dir;
  const std::string a = write_npy(dir, "a.npy", "<f4", "(2,)", {1, 2});
  const DatasetPtr dataset = dataset_from_npy_files({{"x", {a}}});
  std::filesystem::resize_file(a, 135);
  const Error error =
      expect_error(ErrorCode::kTruncated, {a, "136", "135"}, [&] { read_rows(dataset, {0}); });
  EXPECT_EQ(error.context().file, a);
}

}  // namespace
}  // namespace headrace
