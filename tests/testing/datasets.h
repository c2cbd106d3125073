#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/dataset.h"
#include "dataset/files.h"
#include "dataset/reader.h"
#include "testing/temp_dir.h"

// Small datasets in memory and in files, and what they must show.
namespace headrace {

// A column as plain bytes, row after row: the oracle of everything that shows it.
struct Values {
  Field field;
  std::vector<std::byte> bytes;

  uint64_t rows() const { return bytes.size() / field.row_bytes(); }
  std::span<const std::byte> row(uint64_t number) const {
    return std::span(bytes).subspan(number * field.row_bytes(), field.row_bytes());
  }
};

// The column that shows rows `rows` of `values`.
inline Values chosen(const Values& values, const std::vector<uint64_t>& rows) {
  Values result{values.field, {}};
  for (const uint64_t row : rows) {
    const auto bytes = values.row(row);
    result.bytes.insert(result.bytes.end(), bytes.begin(), bytes.end());
  }
  return result;
}

// The column whose row i is rows starts[i], starts[i] + 1, ...: `length` rows of `values`.
inline Values windowed(const Values& values, uint64_t length, const std::vector<uint64_t>& starts) {
  std::vector<uint64_t> shape = {length};
  shape.insert(shape.end(), values.field.row_shape.begin(), values.field.row_shape.end());
  Values result{make_field(values.field.name, values.field.dtype, std::move(shape)), {}};
  const uint64_t row_bytes = values.field.row_bytes();
  for (const uint64_t start : starts) {
    const auto begin = values.bytes.begin() + static_cast<int64_t>(start * row_bytes);
    result.bytes.insert(result.bytes.end(), begin,
                        begin + static_cast<int64_t>(length * row_bytes));
  }
  return result;
}

template <typename T>
Values column(std::string name, DType dtype, const std::vector<T>& values,
              std::vector<uint64_t> row_shape = {}) {
  const auto bytes = std::as_bytes(std::span(values));
  return {make_field(std::move(name), dtype, std::move(row_shape)), {bytes.begin(), bytes.end()}};
}

// begin, begin + 1, ...: `count` of them.
inline std::vector<uint64_t> range(uint64_t begin, uint64_t count) {
  std::vector<uint64_t> rows(count);
  std::iota(rows.begin(), rows.end(), begin);
  return rows;
}

// An int64 column of begin, begin + 1, ...
inline Values counting(std::string name, uint64_t rows, uint64_t begin = 0) {
  return column(std::move(name), DType::kInt64, range(begin, rows));
}

// Small whole numbers, which every dtype holds, so that casts keep them.
inline Values random_floats(std::string name, uint64_t rows, std::vector<uint64_t> row_shape,
                            uint64_t seed) {
  std::mt19937_64 random(seed);
  const Field field = make_field(name, DType::kFloat32, row_shape);
  std::vector<float> values(rows * field.row_elements());
  std::generate(values.begin(), values.end(), [&] { return static_cast<float>(random() % 100); });
  return column(std::move(name), DType::kFloat32, values, std::move(row_shape));
}

inline ArraySource::Array as_array(const Values& values) {
  const uint64_t row_bytes = values.field.row_bytes();
  Buffer owner = Buffer::copy_of(values.bytes);
  const PieceRows rows{owner.data(), static_cast<int64_t>(row_bytes), nullptr};
  return {std::move(owner), rows, row_bytes, values.field.dtype};
}

// One source of arrays that holds all columns.
inline DatasetPtr in_memory(const std::vector<Values>& columns) {
  std::vector<ArraySource::Array> arrays;
  std::vector<DatasetColumn> shown;
  for (const Values& values : columns) {
    arrays.push_back(as_array(values));
    shown.push_back({.field = values.field,
                     .group = 0,
                     .column = static_cast<uint32_t>(shown.size()),
                     .casts = {}});
  }
  const uint64_t rows = columns.front().rows();
  auto source = std::make_shared<ArraySource>(rows, std::move(arrays));
  RowSpacePtr space = RowSpace::table(
      {{.source = std::move(source), .first = 0, .rows = rows, .columns = nullptr}});
  return std::make_shared<Dataset>(std::move(shown), std::vector{std::move(space)});
}

// A dataset of two rows and one column with offsets, of which nothing is read.
inline DatasetPtr unread(Field field) {
  ArraySource::Array array{.owner = {}, .rows = {}, .dtype = field.dtype};
  array.variable = ColumnView{.rows = 2};
  const auto source = std::make_shared<ArraySource>(2, std::vector{array});
  return std::make_shared<Dataset>(
      std::vector<DatasetColumn>{{.field = std::move(field), .group = 0, .column = 0, .casts = {}}},
      std::vector{
          RowSpace::table({{.source = source, .first = 0, .rows = 2, .columns = nullptr}})});
}

// The same in raw files: file k of every column has file_rows[k] rows.
inline DatasetPtr in_files(const TempDir& dir, const std::string& stem,
                           const std::vector<Values>& columns,
                           const std::vector<uint64_t>& file_rows) {
  std::vector<ColumnFiles> files;
  Schema fields;
  for (const Values& values : columns) {
    ColumnFiles column{values.field.name, {}};
    uint64_t row = 0;
    for (size_t k = 0; k < file_rows.size(); ++k) {
      const std::string name = stem + "-" + values.field.name + "-" + std::to_string(k) + ".bin";
      column.paths.push_back(dir.write(name, chosen(values, range(row, file_rows[k])).bytes));
      row += file_rows[k];
    }
    files.push_back(std::move(column));
    fields.push_back(values.field);
  }
  return dataset_from_raw_files(files, fields);
}

// Memory for `rows` rows of every column of a dataset.
class Outs {
 public:
  Outs(const Dataset& dataset, uint64_t rows) {
    for (const DatasetColumn& column : dataset.columns()) {
      memory_.emplace_back(rows * column.field.row_bytes(), std::byte{0xEE});
    }
    for (std::vector<std::byte>& bytes : memory_) {
      pointers_.push_back(bytes.data());
    }
  }

  std::span<std::byte* const> pointers() const { return pointers_; }
  void skip(size_t column) { pointers_[column] = nullptr; }
  const std::vector<std::byte>& bytes(size_t column) const { return memory_[column]; }

 private:
  std::vector<std::vector<std::byte>> memory_;
  std::vector<std::byte*> pointers_;
};

inline Outs read_rows(const DatasetPtr& dataset, const std::vector<uint64_t>& rows) {
  Outs outs(*dataset, rows.size());
  Reader(dataset).read(rows, outs.pointers());
  return outs;
}

// The rows of one column as numbers.
template <typename T>
std::vector<T> numbers(const DatasetPtr& dataset, size_t column,
                       const std::vector<uint64_t>& rows) {
  const Outs outs = read_rows(dataset, rows);
  const std::vector<std::byte>& bytes = outs.bytes(column);
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

template <typename T = uint64_t>
std::vector<T> all_numbers(const DatasetPtr& dataset, size_t column = 0) {
  return numbers<T>(dataset, column, range(0, dataset->rows()));
}

// Expects that `dataset` has exactly these columns, read in these ways: all rows in order, and in
// shuffled order twice.
inline void expect_shows(const DatasetPtr& dataset, const std::vector<Values>& columns,
                         uint64_t seed) {
  ASSERT_EQ(dataset->rows(), columns.front().rows());
  ASSERT_EQ(dataset->columns().size(), columns.size());
  std::mt19937_64 random(seed);
  std::vector<uint64_t> rows = range(0, dataset->rows());
  for (int round = 0; round < 3; ++round) {
    const Outs outs = read_rows(dataset, rows);
    for (size_t c = 0; c < columns.size(); ++c) {
      ASSERT_EQ(dataset->columns()[c].field, columns[c].field) << c;
      ASSERT_EQ(outs.bytes(c), chosen(columns[c], rows).bytes) << "column " << c;
    }
    std::shuffle(rows.begin(), rows.end(), random);
    const std::vector<uint64_t> again(rows.begin(),
                                      rows.begin() + static_cast<int64_t>(rows.size() / 2));
    rows.insert(rows.end(), again.begin(), again.end());  // repeats are allowed
  }
}

inline Buffer index_buffer(const std::vector<int64_t>& indices) {
  return Buffer::copy_of(std::as_bytes(std::span(indices)));
}

}  // namespace headrace
