#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "dataset/dataset.h"
#include "dataset/source.h"
#include "engine/batch_ring.h"
#include "testing/shards.h"

// Datasets whose columns may be of any kind, and what batches of them must hold.
namespace headrace {

// One source in memory that holds all columns, which must outlive it.
inline DatasetPtr in_memory(const std::vector<ShardColumn>& columns) {
  std::vector<ArraySource::Array> arrays;
  std::vector<DatasetColumn> shown;
  for (const ShardColumn& column : columns) {
    const ColumnView view = column.view(0, column.rows);
    const uint64_t row_bytes = column.field.row_bytes();
    ArraySource::Array array{.owner = {}, .rows = {}, .dtype = column.field.dtype};
    if (column.field.is_tensor()) {
      array.rows = {view.values, static_cast<int64_t>(row_bytes), nullptr};
      array.row_bytes = row_bytes;
    } else {
      array.variable = view;
      array.variable_bytes =
          column.values.size() + column.indices.size() + column.offsets.size() * sizeof(int64_t);
    }
    arrays.push_back(std::move(array));
    shown.push_back({.field = column.field,
                     .group = 0,
                     .column = static_cast<uint32_t>(shown.size()),
                     .casts = {}});
  }
  const uint64_t rows = columns.front().rows;
  auto source = std::make_shared<ArraySource>(rows, std::move(arrays));
  RowSpacePtr space = RowSpace::table(
      {{.source = std::move(source), .first = 0, .rows = rows, .columns = nullptr}});
  return std::make_shared<Dataset>(std::move(shown), std::vector{std::move(space)});
}

// A column of each kind, `rows` rows each; the first one, "id", numbers them.
inline std::vector<ShardColumn> columns_of_each_kind(uint64_t rows) {
  std::vector<ShardColumn> columns;
  columns.push_back({.field = {.name = "id", .dtype = DType::kInt64}, .rows = rows});
  for (uint64_t row = 0; row < rows; ++row) {
    const auto bytes = std::as_bytes(std::span(&row, 1));
    columns.front().values.insert(columns.front().values.end(), bytes.begin(), bytes.end());
  }
  uint32_t seed = 1;
  for (const Field& field : one_field_of_each_kind()) {
    columns.push_back(make_column(field, rows, seed++));
  }
  return columns;
}

// The rows of one column of a batch.
inline ColumnView view_of_batch(const Batch& batch, size_t column) {
  const BatchColumn& parts = batch.columns[column];
  return {.rows = batch.rows,
          .values = parts.data(ColumnPart::kValues),
          .offsets = parts.data(ColumnPart::kOffsets),
          .indices = parts.data(ColumnPart::kIndices)};
}

// The bytes of each row of a column of a batch, and of these rows of the column that it shows.
inline std::vector<std::vector<std::byte>> rows_of(const Batch& batch, size_t column,
                                                   const Field& field) {
  std::vector<std::vector<std::byte>> rows;
  for (uint64_t row = 0; row < batch.rows; ++row) {
    rows.push_back(row_bytes(field, view_of_batch(batch, column), row));
  }
  return rows;
}
inline std::vector<std::vector<std::byte>> rows_of(const ShardColumn& column,
                                                   const std::vector<uint64_t>& chosen) {
  std::vector<std::vector<std::byte>> rows;
  for (const uint64_t row : chosen) {
    rows.push_back(row_bytes(column.field, column.view(0, column.rows), row));
  }
  return rows;
}

}  // namespace headrace
