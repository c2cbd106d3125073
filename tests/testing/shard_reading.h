#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/reader.h"
#include "testing/shards.h"

// Reading rows of every kind of a dataset in tests.
namespace headrace {

// Rows of a dataset, read at once; the oracle's way of showing them is row_bytes.
class RowsRead {
 public:
  RowsRead(const DatasetPtr& dataset, const std::vector<uint64_t>& rows) : dataset_(dataset) {
    Reader reader(dataset);
    std::vector<std::byte*> outs;
    std::vector<bool> variable;
    for (size_t c = 0; c < dataset->columns().size(); ++c) {
      const Field& field = dataset->columns()[c].field;
      variable.push_back(!field.is_tensor());
      auto& memory = parts_[{c, ColumnPart::kValues}];
      memory.resize(field.is_tensor() ? rows.size() * field.row_bytes() : 0);
      outs.push_back(field.is_tensor() ? memory.data() : nullptr);
    }
    reader.read_cold(rows, outs);
    reader.read_parts(rows, variable, [&](size_t c, ColumnPart part, uint64_t bytes) {
      auto& memory = parts_[{c, part}];
      memory.resize(bytes);
      return memory.data();
    });
    reader.check_files();
  }

  std::vector<std::byte> row(size_t column, uint64_t i) {
    const ColumnView view{.values = parts_[{column, ColumnPart::kValues}].data(),
                          .offsets = parts_[{column, ColumnPart::kOffsets}].data(),
                          .indices = parts_[{column, ColumnPart::kIndices}].data()};
    return row_bytes(dataset_->columns()[column].field, view, i);
  }

 private:
  DatasetPtr dataset_;
  std::map<std::pair<size_t, ColumnPart>, std::vector<std::byte>> parts_;
};

// Expects that row wanted[i] of `dataset` is row expected[i] of `columns`.
inline void expect_shows_rows(const DatasetPtr& dataset, const std::vector<uint64_t>& wanted,
                              const std::vector<ShardColumn>& columns,
                              const std::vector<uint64_t>& expected) {
  RowsRead read(dataset, wanted);
  ASSERT_EQ(dataset->columns().size(), columns.size());
  for (size_t c = 0; c < columns.size(); ++c) {
    const ColumnView view = columns[c].view(0, columns[c].rows);
    for (size_t i = 0; i < wanted.size(); ++i) {
      ASSERT_EQ(read.row(c, i), row_bytes(columns[c].field, view, expected[i]))
          << columns[c].field.name << " row " << wanted[i];
    }
  }
}

// Columns of every kind.
inline std::vector<ShardColumn> columns_of_each_kind(uint64_t rows) {
  std::vector<ShardColumn> columns;
  for (Field& field : one_field_of_each_kind()) {
    columns.push_back(make_column(std::move(field), rows, 7));
  }
  return columns;
}

}  // namespace headrace
