#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dataset/reader.h"
#include "testing/shards.h"

// Columns of csr, ragged and indices with values that every dtype holds, and their rows as plain
// lists: the oracle of layouts.
namespace headrace {

inline constexpr uint64_t kSparseWidth = 50;

template <typename T>
void append(std::vector<std::byte>& bytes, T value) {
  const auto added = std::as_bytes(std::span(&value, 1));
  bytes.insert(bytes.end(), added.begin(), added.end());
}

// Rows of (column, value); columns may repeat and come in any order, every seventh row is empty.
using SparseRow = std::vector<std::pair<uint64_t, float>>;

inline std::vector<SparseRow> make_sparse_rows(uint64_t rows, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<SparseRow> made(rows);
  for (uint64_t row = 0; row < rows; ++row) {
    for (uint64_t k = row % 7 == 0 ? 0 : random() % 9; k > 0; --k) {
      made[row].emplace_back(random() % kSparseWidth, static_cast<float>(random() % 64) / 4);
    }
  }
  return made;
}

// The csr column "x" of `rows`: uint16 indices and float32 values, or int32 indices alone.
inline ShardColumn sparse_column(const std::vector<SparseRow>& rows, bool binary) {
  ShardColumn column{.field = {.name = "x",
                               .dtype = binary ? DType::kUint8 : DType::kFloat32,
                               .kind = ColumnKind::kCsr,
                               .index_dtype = binary ? DType::kInt32 : DType::kUint16,
                               .width = kSparseWidth,
                               .binary = binary},
                     .offsets = {0},
                     .rows = rows.size()};
  for (const SparseRow& row : rows) {
    for (const auto& [index, value] : row) {
      if (binary) {
        append(column.indices, static_cast<int32_t>(index));
      } else {
        append(column.indices, static_cast<uint16_t>(index));
        append(column.values, value);
      }
    }
    column.offsets.push_back(column.offsets.back() + static_cast<int64_t>(row.size()));
  }
  return column;
}

// The columns of `rows` as lists of float64: ragged, or a tensor filled up to 8 with -1.
inline ShardColumn index_column(const std::vector<SparseRow>& rows, bool ragged) {
  ShardColumn column{.field = {.name = "x", .dtype = DType::kFloat64}, .rows = rows.size()};
  if (ragged) {
    column.field.kind = ColumnKind::kRagged;
    column.offsets = {0};
  } else {
    column.field.row_shape = {8};
  }
  for (const SparseRow& row : rows) {
    for (const auto& [index, value] : row) {
      append(column.values, static_cast<double>(index));
    }
    for (size_t i = row.size(); !ragged && i < 8; ++i) {
      append(column.values, -1.0);
    }
    if (ragged) {
      column.offsets.push_back(column.offsets.back() + static_cast<int64_t>(row.size()));
    }
  }
  return column;
}

// The parts of the columns that a reader gave, as vectors.
class PartsRead {
 public:
  PartsRead(const DatasetPtr& dataset, const std::vector<uint64_t>& rows) {
    Reader reader(dataset);
    std::vector<bool> wanted(dataset->columns().size(), true);
    reader.read_parts(rows, wanted, [this](size_t column, ColumnPart part, uint64_t bytes) {
      const auto [at, fresh] = parts_.try_emplace({column, part});
      EXPECT_TRUE(fresh) << "part " << static_cast<int>(part) << " of column " << column;
      at->second.assign(bytes, std::byte{0xEE});
      return at->second.data();
    });
    reader.check_files();
  }

  bool has(ColumnPart part, size_t column = 0) const { return parts_.count({column, part}) > 0; }

  template <typename T>
  std::vector<T> get(ColumnPart part, size_t column = 0) const {
    const std::vector<std::byte>& bytes = parts_.at({column, part});
    EXPECT_EQ(bytes.size() % sizeof(T), 0U);
    std::vector<T> values(bytes.size() / sizeof(T));
    if (!values.empty()) {
      std::memcpy(values.data(), bytes.data(), bytes.size());
    }
    return values;
  }

 private:
  std::map<std::pair<size_t, ColumnPart>, std::vector<std::byte>> parts_;
};

}  // namespace headrace
