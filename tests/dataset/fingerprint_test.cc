#include "dataset/fingerprint.h"

#include <cstdint>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/column_views.h"
#include "dataset/views.h"
#include "testing/datasets.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

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
