#include "column/sparse_indices.h"

#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "testing/number_oracle.h"
#include "testing/sparse_chunk.h"

namespace headrace {
namespace {

using List = std::vector<int64_t>;

TEST(CopyIndices, NamesTheFirstOfSeveralOutsideAtEveryWidthOfAnIndex) {
  for (const DType from : {DType::kUint16, DType::kInt32, DType::kInt64}) {
    SparseChunk chunk = {.field = csr_field(10, DType::kFloat32, from)};
    chunk.add_row({9, 0}, {1, 1});
    chunk.add_row({0, 12, 10}, {1, 1, 1});
    std::vector<int64_t> out(5);
    const RowFault fault = copy_indices(chunk.field, chunk.view(), DType::kInt64,
                                        reinterpret_cast<std::byte*>(out.data()));
    EXPECT_EQ(fault.kind, RowFaultKind::kIndexOutside);
    EXPECT_EQ(fault.row, 1U);
    EXPECT_EQ(fault.found, 12);
  }
}

TEST(CopyIndices, ChecksThemWhereTheyAre) {
  for (const int64_t last : {9, 10}) {
    SparseChunk chunk = {.field = csr_field(10, DType::kFloat32, DType::kInt32)};
    chunk.add_row({3, last, 0}, {1, 1, 1});
    const ColumnView rows = chunk.view();
    const std::vector<std::byte> before = chunk.indices;
    const RowFault fault = copy_indices(chunk.field, rows, DType::kInt32, chunk.indices.data());
    EXPECT_EQ(static_cast<bool>(fault), last == 10);
    EXPECT_EQ(chunk.indices, before);
  }
}

TEST(KeepSelected, PacksIndicesAndValuesOfEverySize) {
  const ColumnSelection selected({7, 2, 0}, 10);
  for (const DType from : {DType::kUint16, DType::kInt32, DType::kInt64}) {
    for (const DType to : {DType::kInt32, DType::kInt64}) {
      for (const DType value : {DType::kUint8, DType::kInt16, DType::kFloat32, DType::kFloat64}) {
        SparseChunk chunk = {.field = csr_field(10, value, from)};
        chunk.add_row({1, 2, 7}, {3, 4, 5});
        chunk.add_row({9}, {6});
        chunk.add_row({0, 0, 2}, {7, 8, 9});
        const ColumnView rows = chunk.view();
        std::vector<std::byte> indices(8 * dtype_size(to));
        List offsets(4);
        EXPECT_FALSE(keep_selected(chunk.field, rows, selected,
                                   {.index_dtype = to,
                                    .indices = indices.data(),
                                    .value_bytes = dtype_size(value),
                                    .values = chunk.values.data(),
                                    .offsets = offsets.data()}));
        EXPECT_EQ(offsets, (List{0, 2, 2, 5}));
        List columns;
        List values;
        for (size_t i = 0; i < 5; ++i) {
          columns.push_back(static_cast<int64_t>(decode(to, indices.data() + i * dtype_size(to))));
          values.push_back(
              static_cast<int64_t>(decode(value, chunk.values.data() + i * dtype_size(value))));
        }
        EXPECT_EQ(columns, (List{1, 0, 2, 2, 1}));
        EXPECT_EQ(values, (List{4, 5, 7, 8, 9}));
      }
    }
  }
}

TEST(RowNumbers, NameTheRowOfEachElement) {
  SparseChunk chunk = {.field = csr_field(10, DType::kFloat32, DType::kInt32)};
  chunk.add_row({1, 2}, {1, 1});
  chunk.add_row({}, {});
  chunk.add_row({3, 3, 3}, {1, 1, 1});
  List numbers(6, -1);
  write_row_numbers(chunk.view(), 100, numbers.data());
  EXPECT_EQ(numbers, (List{100, 100, 102, 102, 102, -1}));
}

}  // namespace
}  // namespace headrace
