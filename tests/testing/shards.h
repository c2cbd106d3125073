#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "column/column_view.h"
#include "column/schema.h"
#include "format/metadata.h"
#include "format/shard_writer.h"
#include "testing/memory_sink.h"

// Small columns of every kind, and shards of them.
namespace headrace {

// The rows of one column, held in memory.
struct ShardColumn {
  Field field = {};
  std::vector<std::byte> values = {};
  std::vector<int64_t> offsets = {};
  std::vector<std::byte> indices = {};
  uint64_t rows = 0;

  ColumnView view(uint64_t first, uint64_t count) const {
    const ColumnView all{.rows = rows,
                         .values = values.data(),
                         .offsets = reinterpret_cast<const std::byte*>(offsets.data()),
                         .indices = indices.data(),
                         .elements = offsets.empty() ? 0 : static_cast<uint64_t>(offsets.back())};
    return slice(all, field, first, count);
  }
};

// The bytes that row `row` of `view` shows: length, indices, values.
inline std::vector<std::byte> row_bytes(const Field& field, const ColumnView& view, uint64_t row) {
  std::vector<std::byte> result;
  const auto add = [&result](const void* data, uint64_t bytes) {
    const auto* start = static_cast<const std::byte*>(data);
    result.insert(result.end(), start, start + bytes);
  };
  if (field.is_tensor()) {
    add(view.values + row * field.row_bytes(), field.row_bytes());
    return result;
  }
  const auto begin = static_cast<uint64_t>(offset_at(view, row));
  const uint64_t count = static_cast<uint64_t>(offset_at(view, row + 1)) - begin;
  add(&count, sizeof(count));
  if (field.kind == ColumnKind::kCsr) {
    const uint64_t size = dtype_size(field.index_dtype);
    add(view.indices + begin * size, count * size);
  }
  if (field.kind != ColumnKind::kCsr || !field.binary) {
    add(view.values + begin * field.row_bytes(), count * field.row_bytes());
  }
  return result;
}

// `rows` rows of `field`, the same on every machine for the same seed.
inline ShardColumn make_column(Field field, uint64_t rows, uint32_t seed = 1) {
  std::mt19937 random(seed);
  ShardColumn column{.field = std::move(field), .rows = rows};
  const Field& made = column.field;
  uint64_t elements = rows;
  if (!made.is_tensor()) {
    column.offsets.push_back(0);
    for (uint64_t row = 0; row < rows; ++row) {
      column.offsets.push_back(column.offsets.back() + static_cast<int64_t>(random() % 5));
    }
    elements = static_cast<uint64_t>(column.offsets.back());
  }
  for (uint64_t i = 0; made.kind == ColumnKind::kCsr && i < elements; ++i) {
    const uint64_t index = random() % made.width;
    const auto* bytes = reinterpret_cast<const std::byte*>(&index);  // little-endian
    column.indices.insert(column.indices.end(), bytes, bytes + dtype_size(made.index_dtype));
  }
  const uint64_t bytes =
      made.kind == ColumnKind::kCsr && made.binary ? 0 : elements * made.row_bytes();
  for (uint64_t i = 0; i < bytes; ++i) {
    const uint64_t value = made.kind == ColumnKind::kText ? 'a' + random() % 26
                           : made.dtype == DType::kBool   ? random() % 2
                                                          : random() % 256;
    column.values.push_back(static_cast<std::byte>(value));
  }
  return column;
}

// `rows` rows of `bytes` bytes each, as a column of bytes.
inline ShardColumn blobs(std::string name, uint64_t rows, uint64_t bytes) {
  ShardColumn column{.field = {.name = std::move(name), .kind = ColumnKind::kBytes},
                     .values = std::vector<std::byte>(rows * bytes, std::byte{1}),
                     .rows = rows};
  for (uint64_t row = 0; row <= rows; ++row) {
    column.offsets.push_back(static_cast<int64_t>(row * bytes));
  }
  return column;
}

// A field of each way in which shards hold columns.
inline std::vector<Field> one_field_of_each_kind() {
  const auto csr = [](std::string name, DType dtype, DType index, bool binary) {
    return Field{.name = std::move(name),
                 .dtype = dtype,
                 .kind = ColumnKind::kCsr,
                 .index_dtype = index,
                 .width = 300,
                 .binary = binary};
  };
  return {
      {.name = "scalar", .dtype = DType::kFloat64},
      {.name = "tensor", .dtype = DType::kInt16, .row_shape = {3}},
      {.name = "nested_tensor", .dtype = DType::kFloat32, .row_shape = {2, 3}},
      {.name = "ragged", .dtype = DType::kInt32, .row_shape = {2}, .kind = ColumnKind::kRagged},
      {.name = "bytes", .kind = ColumnKind::kBytes},
      {.name = "text", .kind = ColumnKind::kText},
      csr("csr", DType::kFloat32, DType::kInt32, false),
      csr("binary_csr", DType::kUint8, DType::kUint16, true),
  };
}

inline Schema schema_of(const std::vector<ShardColumn>& columns) {
  Schema schema;
  for (const ShardColumn& column : columns) {
    schema.push_back(column.field);
  }
  return schema;
}

// Writes all rows of `columns`.
inline ShardSummary write_shard(ByteSink& sink, const std::vector<ShardColumn>& columns,
                                uint64_t rows_per_batch, const Metadata& metadata = {},
                                ShardEncoding encoding = ShardEncoding::kPlain) {
  ShardWriter writer(schema_of(columns), rows_per_batch, sink, metadata, encoding);
  const uint64_t rows = columns[0].rows;
  for (uint64_t first = 0; first < rows; first += rows_per_batch) {
    std::vector<ColumnView> views;
    for (const ShardColumn& column : columns) {
      views.push_back(column.view(first, std::min(rows_per_batch, rows - first)));
    }
    writer.write_batch(views);
  }
  return writer.finish();
}

inline std::vector<std::byte> shard_bytes(const std::vector<ShardColumn>& columns,
                                          uint64_t rows_per_batch, const Metadata& metadata = {},
                                          ShardEncoding encoding = ShardEncoding::kPlain) {
  MemorySink sink;
  write_shard(sink, columns, rows_per_batch, metadata, encoding);
  return sink.bytes();
}

}  // namespace headrace
