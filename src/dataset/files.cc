#include "dataset/files.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/error.h"
#include "format/npy.h"
#include "storage/file.h"

namespace headrace {
namespace {

// One file as a piece of a column, before it is paired with those of other columns.
struct Part {
  StoredRows file;
  uint64_t rows;
};

void check_counts(const std::vector<ColumnFiles>& columns) {
  if (columns.empty()) {
    throw Error(ErrorCode::kInvalid, "a dataset needs at least one column; found none");
  }
  for (const ColumnFiles& column : columns) {
    if (column.paths.size() != columns.front().paths.size()) {
      throw Error(ErrorCode::kInvalid,
                  "every column needs as many files; column " + columns.front().name + " has " +
                      std::to_string(columns.front().paths.size()) + " and column " + column.name +
                      " has " + std::to_string(column.paths.size()),
                  {.file = "", .column = column.name});
    }
    if (column.paths.empty()) {
      throw Error(ErrorCode::kInvalid, "column " + column.name + " has no files",
                  {.file = "", .column = column.name});
    }
  }
}

void check_paired(const Part& first, const Part& other, const std::string& column) {
  if (first.rows != other.rows) {
    throw Error(ErrorCode::kInvalid,
                "paired files must have equally many rows; " + first.file.path.text() + " has " +
                    std::to_string(first.rows) + " and " + other.file.path.text() + " has " +
                    std::to_string(other.rows) + "; check dtype, row_shape and the pairing",
                {.file = other.file.path, .column = column});
  }
}

// parts[c][k] is file k of column c.
DatasetPtr assemble(const std::vector<ColumnFiles>& columns, const Schema& fields,
                    const std::vector<std::vector<Part>>& parts, Io io) {
  std::vector<Piece> pieces;
  pieces.reserve(parts.front().size());
  for (size_t k = 0; k < parts.front().size(); ++k) {
    std::vector<StoredRows> files;
    const uint64_t rows = parts.front()[k].rows;
    for (size_t c = 0; c < columns.size(); ++c) {
      check_paired(parts.front()[k], parts[c][k], columns[c].name);
      files.push_back(parts[c][k].file);
    }
    pieces.push_back({.source = std::make_shared<FileSource>(rows, std::move(files), io),
                      .first = 0,
                      .rows = rows,
                      .columns = nullptr});
  }
  std::vector<DatasetColumn> shown;
  for (uint32_t c = 0; c < fields.size(); ++c) {
    shown.push_back({.field = fields[c], .group = 0, .column = c, .casts = {}});
  }
  return std::make_shared<Dataset>(std::move(shown),
                                   std::vector<RowSpacePtr>{RowSpace::table(std::move(pieces))});
}

Part raw_part(const std::string& path, const Field& field) {
  const FileInfo info = inspect_file(path);
  const uint64_t size = info.size;
  const uint64_t row_bytes = field.row_bytes();
  if (size % row_bytes != 0) {
    throw Error(ErrorCode::kInvalid,
                path + " has " + std::to_string(size) + " bytes, no multiple of the " +
                    std::to_string(row_bytes) + " bytes of a row (" + describe(field) +
                    "); check dtype and row_shape of column " + field.name,
                {.file = path, .column = field.name});
  }
  return {{path, 0, row_bytes, field.dtype, info}, size / row_bytes};
}

// The part of one .npy file; the first file of a column defines `field`.
Part npy_part(const std::string& path, bool first, Field& field) {
  const FileInfo info = inspect_file(path);
  const NpyHeader header = read_npy_header(path);
  Field found =
      make_field(field.name, header.dtype, {header.shape.begin() + 1, header.shape.end()});
  if (first) {
    field = std::move(found);
  } else if (found != field) {
    throw Error(ErrorCode::kInvalid,
                "files of a column must have the same dtype and row shape; column " + field.name +
                    " began with " + describe(field) + ", and " + path + " has " + describe(found),
                {.file = path, .column = field.name});
  }
  return {{path, header.data_offset, field.row_bytes(), field.dtype, info}, header.shape.front()};
}

}  // namespace

DatasetPtr dataset_from_raw_files(const std::vector<ColumnFiles>& columns, const Schema& fields,
                                  Io io) {
  check_counts(columns);
  std::vector<std::vector<Part>> parts(columns.size());
  for (size_t c = 0; c < columns.size(); ++c) {
    for (const std::string& path : columns[c].paths) {
      parts[c].push_back(raw_part(path, fields[c]));
    }
  }
  return assemble(columns, fields, parts, io);
}

DatasetPtr dataset_from_npy_files(const std::vector<ColumnFiles>& columns, Io io) {
  check_counts(columns);
  Schema fields;
  std::vector<std::vector<Part>> parts(columns.size());
  for (size_t c = 0; c < columns.size(); ++c) {
    Field field{.name = columns[c].name, .dtype = DType::kUint8, .row_shape = {}};
    for (const std::string& path : columns[c].paths) {
      parts[c].push_back(npy_part(path, parts[c].empty(), field));
    }
    fields.push_back(std::move(field));
  }
  return assemble(columns, fields, parts, io);
}

}  // namespace headrace
