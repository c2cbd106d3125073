#include "dataset/csr_files.h"

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/extents.h"
#include "dataset/reader.h"
#include "dataset/views.h"
#include "storage/fault_guard.h"
#include "testing/errors.h"
#include "testing/npy_files.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

constexpr uint64_t kWidth = 50;
const std::function<void()> kNoPoll = [] {};

template <typename T>
std::string write_npy(const TempDir& dir, const std::string& name, const std::string& descr,
                      const std::vector<T>& values) {
  return write_npy_file(dir, name, descr, "(" + std::to_string(values.size()) + ",)",
                        std::as_bytes(std::span(values)));
}

// The rows [first, first + rows) of a column: row r has the indices r % 4 times r, values r / 2.
struct Rows {
  std::vector<int64_t> indptr = {0};
  std::vector<int32_t> indices = {};
  std::vector<float> values = {};

  Rows(int first, int rows) {
    for (int row = first; row < first + rows; ++row) {
      for (int k = 0; k < row % 4; ++k) {
        indices.push_back(row);
        values.push_back(static_cast<float>(row) / 2);
      }
      indptr.push_back(static_cast<int64_t>(indices.size()));
    }
  }

  CsrFiles write(const TempDir& dir, const std::string& stem) const {
    return {.indptr = write_npy(dir, stem + "indptr.npy", "<i8", indptr),
            .indices = write_npy(dir, stem + "indices.npy", "<i4", indices),
            .values = write_npy(dir, stem + "values.npy", "<f4", values)};
  }
};

// What is read of `rows` of the only column.
template <typename T>
std::vector<T> read_part(const DatasetPtr& dataset, const std::vector<uint64_t>& rows,
                         ColumnPart part) {
  std::map<ColumnPart, std::vector<std::byte>> memory;
  Reader reader(dataset);
  reader.read_parts(rows, {true}, [&](size_t, ColumnPart made, uint64_t bytes) {
    memory[made].resize(bytes);
    return memory[made].data();
  });
  std::vector<T> values(memory[part].size() / sizeof(T));
  if (!values.empty()) {
    std::memcpy(values.data(), memory[part].data(), memory[part].size());
  }
  return values;
}

DatasetPtr open(const std::vector<CsrFiles>& parts, Io io = Io::kAuto) {
  install_fault_guard();
  return dataset_from_csr_files("x", parts, kWidth, io, kNoPoll);
}

TEST(CsrFiles, RowsAreReadInAnyOrderAcrossFiles) {
  const TempDir dir;
  const std::vector<CsrFiles> parts = {Rows(0, 20).write(dir, "a"), Rows(20, 0).write(dir, "b"),
                                       Rows(20, 23).write(dir, "c")};
  for (const Io io : {Io::kAuto, Io::kPread}) {
    const DatasetPtr dataset = open(parts, io);
    EXPECT_EQ(dataset->rows(), 43U);
    EXPECT_EQ(dataset->file_count(), 2U);
    const Field& field = dataset->columns().front().field;
    EXPECT_EQ(describe(field), "csr float32[50]");
    EXPECT_EQ(field.index_dtype, DType::kInt32);
    const std::vector<uint64_t> rows = {42, 3, 4, 19, 21, 3};
    EXPECT_EQ(read_part<int64_t>(dataset, rows, ColumnPart::kOffsets),
              (std::vector<int64_t>{0, 2, 5, 5, 8, 9, 12}));
    EXPECT_EQ(read_part<int32_t>(dataset, rows, ColumnPart::kIndices),
              (std::vector<int32_t>{42, 42, 3, 3, 3, 19, 19, 19, 21, 3, 3, 3}));
    EXPECT_EQ(read_part<float>(slice(dataset, 41, 3, -20), {0, 1, 2}, ColumnPart::kValues),
              (std::vector<float>{20.5F, 10.5F, 0.5F}));
  }
}

TEST(CsrFiles, WithoutValuesAreBinaryWithNarrowIndicesAndOffsets) {
  const TempDir dir;
  const CsrFiles files{
      .indptr = write_npy(dir, "p.npy", "<i4", std::vector<int32_t>{1, 3, 3}),  // 1 is unused
      .indices = write_npy(dir, "i.npy", "<u2", std::vector<uint16_t>{9, 4, 4}),
      .values = ""};
  const DatasetPtr dataset = open({files});
  EXPECT_EQ(describe(dataset->columns().front().field), "csr binary[50]");
  EXPECT_EQ(read_part<uint16_t>(dataset, {1, 0}, ColumnPart::kIndices),
            (std::vector<uint16_t>{4, 4}));
  EXPECT_EQ(read_part<int64_t>(dataset, {1, 0}, ColumnPart::kOffsets),
            (std::vector<int64_t>{0, 0, 2}));
}

TEST(CsrFiles, ThatDoNotFitTogetherAreRefusedWhenTheyAreOpened) {
  const TempDir dir;
  const auto with_indptr = [&](const std::vector<int64_t>& indptr) {
    CsrFiles files = Rows(0, 4).write(dir, "a");  // six indices
    files.indptr = write_npy(dir, "p.npy", "<i8", indptr);
    return files;
  };
  const Error falls =
      expect_error(ErrorCode::kInvalid, {"p.npy", "decreases from 3 to 2 at 2"}, [&] {
        open({with_indptr({0, 3, 2, 6})});
      });
  EXPECT_EQ(falls.context().row, 1U);
  EXPECT_EQ(falls.context().column, "x");
  expect_error(ErrorCode::kInvalid, {"p.npy", "to -1 at 0"}, [&] { open({with_indptr({-1, 6})}); });
  expect_error(ErrorCode::kInvalid, {"p.npy ends at 5", "indices.npy has 6"}, [&] {
    open({with_indptr({0, 5})});
  });
  expect_error(ErrorCode::kInvalid, {"p.npy is empty"}, [&] { open({with_indptr({})}); });
  CsrFiles files = Rows(0, 4).write(dir, "a");
  files.values = write_npy(dir, "v.npy", "<f4", std::vector<float>{1, 2});
  expect_error(ErrorCode::kInvalid, {"v.npy has 2", "indices.npy has 6"}, [&] { open({files}); });
  expect_error(ErrorCode::kInvalid, {"no rows"}, [&] { open({Rows(0, 0).write(dir, "n")}); });
}

TEST(CsrFiles, OfOtherDtypesAreRefused) {
  const TempDir dir;
  CsrFiles files = Rows(0, 4).write(dir, "a");
  files.indices = write_npy(dir, "i.npy", "<u4", std::vector<uint32_t>(6));
  expect_error(ErrorCode::kUnsupported, {"i.npy has uint32", "int64"}, [&] { open({files}); });
  files.indptr = write_npy(dir, "p.npy", "<f8", std::vector<double>{0, 6});
  expect_error(ErrorCode::kUnsupported, {"p.npy has float64"}, [&] { open({files}); });
  CsrFiles doubles = Rows(0, 4).write(dir, "b");
  doubles.values = write_npy(dir, "v.npy", "<f8", std::vector<double>(6));
  expect_error(ErrorCode::kInvalid, {"float64[50]", "float32[50]", "equal dtypes"}, [&] {
    open({Rows(0, 4).write(dir, "c"), doubles});
  });
}

TEST(CsrFiles, ThatChangedSinceAreErrorsThatNameThem) {
  const TempDir dir;
  for (const Io io : {Io::kAuto, Io::kPread}) {
    const CsrFiles files = Rows(0, 4000).write(dir, "a");
    const DatasetPtr dataset = open({files}, io);
    std::filesystem::resize_file(files.values, 4096);
    expect_error(ErrorCode::kTruncated, {"avalues.npy"},
                 [&] { read_part<float>(dataset, {3999}, ColumnPart::kValues); });
  }
  const CsrFiles files = Rows(0, 4000).write(dir, "b");
  const DatasetPtr mapped = open({files});
  read_part<float>(mapped, {3999}, ColumnPart::kValues);
  std::filesystem::resize_file(files.indices, 4096);
  expect_error(ErrorCode::kTruncated, {"bindices.npy"},
               [&] { read_part<float>(mapped, {3999}, ColumnPart::kIndices); });
}

TEST(CsrFiles, SayWhereTheirPartsLie) {
  const TempDir dir;
  const CsrFiles files = Rows(0, 10).write(dir, "a");  // 13 elements
  const DatasetPtr dataset = open({files});
  std::map<std::string, uint64_t> found;
  for (const Extent& extent : file_extents(*dataset, kNoPoll)) {
    EXPECT_EQ(extent.offset, 128U);
    found[extent.rows->path] = extent.bytes;
  }
  EXPECT_EQ(found, (std::map<std::string, uint64_t>{
                       {files.indptr, 88}, {files.indices, 52}, {files.values, 52}}));
  EXPECT_EQ(dataset->bytes(), 88U + 52 + 52);
}

TEST(CsrFiles, AreLookedAtWithPolls) {
  const TempDir dir;
  const CsrFiles files = Rows(0, 10).write(dir, "a");
  expect_error(ErrorCode::kCancelled, {"stop"}, [&] {
    dataset_from_csr_files("x", {files}, kWidth, Io::kAuto,
                           [] { throw Error(ErrorCode::kCancelled, "stop"); });
  });
}

}  // namespace
}  // namespace headrace
