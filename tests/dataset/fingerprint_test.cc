#include "dataset/fingerprint.h"

#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/column_views.h"
#include "dataset/views.h"
#include "dataset/whole_files.h"
#include "testing/datasets.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

// Rows of bytes in memory that must outlive the dataset.
DatasetPtr bytes_in_memory(const std::string& name, const std::vector<std::byte>& values,
                           const std::vector<int64_t>& offsets) {
  const uint64_t rows = offsets.size() - 1;
  ArraySource::Array array{.owner = {}, .rows = {}};
  array.variable = ColumnView{.rows = rows,
                              .values = values.data(),
                              .offsets = std::as_bytes(std::span(offsets)).data(),
                              .elements = values.size()};
  return std::make_shared<Dataset>(
      std::vector<DatasetColumn>{
          {.field = {.name = name, .kind = ColumnKind::kBytes}, .casts = {}}},
      std::vector{
          RowSpace::table({{.source = std::make_shared<ArraySource>(rows, std::vector{array}),
                            .rows = rows,
                            .columns = nullptr}})});
}

TEST(Fingerprint, IsEqualForMemoryFilesAndViewsOfTheSameRows) {
  const TempDir dir;
  const std::vector<Values> columns = {counting("a", 200), random_floats("b", 200, {2}, 1)};
  const DatasetPtr memory = in_memory(columns);
  const uint64_t expected = fingerprint(memory);
  EXPECT_EQ(fingerprint(in_files(dir, "f", columns, {100, 0, 100})), expected);
  EXPECT_EQ(fingerprint(concat({slice(memory, 0, 50, 1), slice(memory, 50, 150, 1)})), expected);
  EXPECT_EQ(fingerprint(memory), expected);
}

TEST(Fingerprint, ChangesWithSchemaRowsAndData) {
  const std::vector<Values> columns = {counting("a", 64), counting("b", 64)};
  const DatasetPtr memory = in_memory(columns);
  std::set<uint64_t> prints = {fingerprint(memory)};
  const auto expect_fresh = [&](const DatasetPtr& other, const char* what) {
    EXPECT_TRUE(prints.insert(fingerprint(other)).second) << what;
  };
  expect_fresh(rename(memory, {"a", "c"}), "name");
  expect_fresh(cast(memory, {DType::kInt64, DType::kUint64}), "dtype");
  expect_fresh(select(memory, {0}), "columns");
  expect_fresh(slice(memory, 0, 63, 1), "rows");
  expect_fresh(slice(memory, 63, 64, -1), "order");
  // 64 rows at 64 places: every byte counts.
  for (const size_t byte : {size_t{0}, size_t{255}, size_t{511}}) {
    std::vector<Values> changed = columns;
    changed[1].bytes[byte] ^= std::byte{1};
    expect_fresh(in_memory(changed), "data");
  }
}

TEST(Fingerprint, OfOneRowReadsThatRow) {
  EXPECT_NE(fingerprint(in_memory({counting("a", 1, 1)})),
            fingerprint(in_memory({counting("a", 1, 2)})));
}

TEST(Fingerprint, OfShortFilesIsThatOfTheirBytesElsewhere) {
  const TempDir dir;
  const std::vector<std::byte> values(5, std::byte{7});
  const std::vector<int64_t> offsets = {0, 2, 2, 5};
  const uint64_t expected = fingerprint(bytes_in_memory("data", values, offsets));
  const auto in_files = [&](std::vector<size_t> sizes) {
    std::vector<std::string> paths;
    for (const size_t size : sizes) {
      paths.push_back(dir.fill(std::to_string(paths.size()), size));
    }
    return dataset_from_whole_files("data", paths);
  };
  EXPECT_EQ(fingerprint(in_files({2, 0, 3})), expected);
  EXPECT_NE(fingerprint(in_files({2, 1, 2})), expected);
}

TEST(Fingerprint, OfALongFileIsThatOfItsSizeAndItsStart) {
  const TempDir dir;
  std::vector<std::byte> bytes(size_t{100} << 10);
  const auto print = [&] {
    return fingerprint(dataset_from_whole_files("data", {dir.write("a", bytes)}));
  };
  const uint64_t expected = print();
  bytes.back() = std::byte{1};
  EXPECT_EQ(print(), expected);
  bytes[(size_t{64} << 10) - 1] = std::byte{1};
  EXPECT_NE(print(), expected);
  bytes[(size_t{64} << 10) - 1] = std::byte{0};
  bytes.push_back(std::byte{0});
  EXPECT_NE(print(), expected);
}

TEST(Fingerprint, OfALayoutIsThatOfItsRowsWhateverItRefuses) {
  const auto multi_hot = [](uint64_t width, DType dtype) {
    return with_layout(
        in_memory({counting("x", 10)}), 0,
        {.kind = LayoutKind::kDense, .dtype = dtype, .indices = IndexSource{.width = width}});
  };
  // The last rows are no indices below 5; a batch with one of them says so.
  EXPECT_EQ(fingerprint(multi_hot(5, DType::kFloat32)), fingerprint(multi_hot(5, DType::kFloat32)));
  EXPECT_NE(fingerprint(multi_hot(5, DType::kFloat32)), fingerprint(multi_hot(6, DType::kFloat32)));
  EXPECT_NE(fingerprint(multi_hot(5, DType::kFloat32)), fingerprint(multi_hot(5, DType::kInt8)));
}

}  // namespace
}  // namespace headrace
