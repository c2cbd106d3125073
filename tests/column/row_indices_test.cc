#include "column/row_indices.h"

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/number_oracle.h"
#include "testing/sparse_chunk.h"

namespace headrace {
namespace {

struct Csr {
  std::vector<int64_t> offsets;
  std::vector<int64_t> indices;
  RowFault fault;
};

Csr read(const Field& field, const IndexSource& source, const ColumnView& rows, uint64_t numbers) {
  const DType dtype = index_dtype_of(source);
  Csr csr;
  csr.offsets.resize(rows.rows + 1);
  std::vector<std::byte> indices(numbers * dtype_size(dtype));
  csr.fault =
      read_indices(field, source, rows, {.offsets = csr.offsets.data(), .indices = indices.data()});
  for (int64_t i = 0; !csr.fault && i < csr.offsets.back(); ++i) {
    const std::byte* from = indices.data() + static_cast<size_t>(i) * dtype_size(dtype);
    csr.indices.push_back(static_cast<int64_t>(decode(dtype, from)));
  }
  return csr;
}

// A tensor of `per_row` numbers a row.
template <typename T>
Csr read_tensor(const std::vector<T>& numbers, uint64_t per_row, DType dtype,
                const IndexSource& source) {
  const Field field = {.name = "x", .dtype = dtype, .row_shape = {per_row}};
  const std::vector<std::byte> values = encoded(numbers, dtype);
  return read(field, source, {.rows = numbers.size() / per_row, .values = values.data()},
              numbers.size());
}

using List = std::vector<int64_t>;

TEST(ReadIndices, SkipsThePadInEveryDtype) {
  for (size_t i = 0; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    if (dtype == DType::kBool) {
      continue;
    }
    SCOPED_TRACE(dtype_name(dtype));
    const Csr csr =
        read_tensor(List{5, 3, 99, 99, 99, 99, 0, 0, 5}, 3, dtype, {.width = 10, .pad = 99});
    EXPECT_FALSE(csr.fault);
    EXPECT_EQ(csr.offsets, (List{0, 2, 2, 5}));
    EXPECT_EQ(csr.indices, (List{5, 3, 0, 0, 5}));
  }
  const Csr negative = read_tensor(List{5, -1, 3, -1}, 2, DType::kFloat64, {.width = 6, .pad = -1});
  EXPECT_EQ(negative.offsets, (List{0, 1, 2}));
  EXPECT_EQ(negative.indices, (List{5, 3}));
}

TEST(ReadIndices, ReadsRaggedRowsAndSingleNumbers) {
  const Field ragged = {
      .name = "x", .dtype = DType::kInt16, .row_shape = {}, .kind = ColumnKind::kRagged};
  const std::vector<std::byte> values = encoded(List{77, 4, -1, 2, 0}, DType::kInt16);
  const List offsets = {1, 3, 3, 5};
  const Csr csr = read(ragged, {.width = 5, .pad = -1},
                       {.rows = 3,
                        .values = values.data(),
                        .offsets = reinterpret_cast<const std::byte*>(offsets.data()),
                        .elements = 5},
                       4);
  EXPECT_EQ(csr.offsets, (List{0, 1, 1, 3}));
  EXPECT_EQ(csr.indices, (List{4, 2, 0}));
  const Field scalar = {.name = "x", .dtype = DType::kInt16};
  EXPECT_EQ(read(scalar, {.width = 100}, {.rows = 2, .values = values.data()}, 2).offsets,
            (List{0, 1, 2}));
}

TEST(ReadIndices, WritesWideIndicesAsInt64) {
  const int64_t large = int64_t{1} << 40;
  const Csr csr =
      read_tensor(List{large, 0}, 2, DType::kFloat64, {.width = static_cast<uint64_t>(large) + 1});
  EXPECT_EQ(csr.indices, (List{large, 0}));
}

TEST(ReadIndices, NamesTheFirstNumberThatIsNoIndex) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double bad : {2.5, -0.5, 1e300, -1e300, 0x1p63, HUGE_VAL, -HUGE_VAL, nan}) {
    const Csr csr = read_tensor(std::vector<double>{1, 2, 3, bad, bad, 3}, 2, DType::kFloat64,
                                {.width = 10, .pad = -1});
    EXPECT_EQ(csr.fault.kind, RowFaultKind::kNotIndex) << bad;
    EXPECT_EQ(csr.fault.row, 1U);
    EXPECT_EQ(std::isnan(csr.fault.number), std::isnan(bad));
    if (!std::isnan(bad)) {
      EXPECT_EQ(csr.fault.number, bad);
    }
  }
  for (const int64_t bad : {int64_t{10}, int64_t{-1}, int64_t{-2}, INT64_MIN}) {
    for (const DType dtype : {DType::kInt64, DType::kFloat64}) {
      const Csr csr = read_tensor(List{1, 2, 3, bad}, 2, dtype, {.width = 10});
      EXPECT_EQ(csr.fault.kind, RowFaultKind::kIndexOutside) << bad;
      EXPECT_EQ(csr.fault.row, 1U);
      EXPECT_EQ(csr.fault.found, bad);
    }
  }
  // 2^64 - 1 is no -1.
  const Csr csr = read_tensor(List{1, -1}, 1, DType::kUint64, {.width = 10, .pad = -1});
  EXPECT_EQ(csr.fault.kind, RowFaultKind::kNotIndex);
}

}  // namespace
}  // namespace headrace
