#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "column/column_view.h"
#include "column/elementwise.h"
#include "column/schema.h"

namespace headrace {

// `numbers` as elements of `dtype`, one after another.
template <typename T>
std::vector<std::byte> encoded(const std::vector<T>& numbers, DType from, DType to) {
  std::vector<std::byte> bytes(numbers.size() * dtype_size(to));
  const std::vector<DType> path = {from, to};
  Conversion(path).apply(reinterpret_cast<const std::byte*>(numbers.data()), bytes.data(),
                         numbers.size());
  return bytes;
}

inline std::vector<std::byte> encoded(const std::vector<double>& numbers, DType to) {
  return encoded(numbers, DType::kFloat64, to);
}

inline std::vector<std::byte> encoded(const std::vector<int64_t>& numbers, DType to) {
  return encoded(numbers, DType::kInt64, to);
}

// Rows of csr in memory. Offsets may begin above 0: what is before the first is no part of it.
struct SparseChunk {
  Field field;
  std::vector<int64_t> offsets = {0};
  std::vector<int64_t> columns = {};  // the indices
  std::vector<double> numbers = {};   // the values
  std::vector<std::byte> indices = {};
  std::vector<std::byte> values = {};

  void add_row(const std::vector<int64_t>& row_columns, const std::vector<double>& row_numbers) {
    columns.insert(columns.end(), row_columns.begin(), row_columns.end());
    numbers.insert(numbers.end(), row_numbers.begin(), row_numbers.end());
    offsets.push_back(static_cast<int64_t>(columns.size()));
  }

  uint64_t rows() const { return offsets.size() - 1; }

  // Valid until the chunk changes.
  ColumnView view() {
    indices = encoded(columns, field.index_dtype);
    values = field.binary ? std::vector<std::byte>() : encoded(numbers, field.dtype);
    return {.rows = rows(),
            .values = field.binary ? nullptr : values.data(),
            .offsets = reinterpret_cast<const std::byte*>(offsets.data()),
            .indices = indices.data(),
            .offset_size = sizeof(int64_t),
            .elements = columns.size()};
  }
};

inline Field csr_field(uint64_t width, DType dtype = DType::kFloat32,
                       DType index_dtype = DType::kInt32, bool binary = false) {
  return {.name = "x",
          .dtype = binary ? DType::kUint8 : dtype,
          .row_shape = {},
          .kind = ColumnKind::kCsr,
          .index_dtype = index_dtype,
          .width = width,
          .binary = binary};
}

// `rows` rows of 0 to 2 * `mean` elements, in no order, with repeats, whose values are small whole
// numbers. The first few elements belong to no row.
inline SparseChunk random_chunk(const Field& field, uint64_t rows, uint64_t mean, uint64_t seed) {
  std::mt19937_64 random(seed);
  SparseChunk chunk = {.field = field};
  const auto add = [&](uint64_t count) {
    std::vector<int64_t> columns;
    std::vector<double> numbers;
    for (uint64_t i = 0; i < count; ++i) {
      columns.push_back(static_cast<int64_t>(random() % field.width));
      numbers.push_back(static_cast<double>(random() % 100));
    }
    chunk.add_row(columns, numbers);
  };
  add(3);
  chunk.offsets = {3};
  for (uint64_t row = 0; row < rows; ++row) {
    add(random() % (2 * mean + 1));
  }
  return chunk;
}

}  // namespace headrace
