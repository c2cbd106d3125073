#include "dataset/dataset.h"

#include <algorithm>
#include <set>
#include <span>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace headrace {

std::vector<DType> DatasetColumn::conversion_path(const Piece& piece) const {
  std::vector<DType> path = {piece.source->dtype(piece.source_column(column))};
  for (const DType dtype : casts) {
    if (dtype != path.back()) {
      path.push_back(dtype);
    }
  }
  return path;
}

Dataset::Dataset(std::vector<DatasetColumn> columns, std::vector<RowSpacePtr> groups)
    : columns_(std::move(columns)), groups_(std::move(groups)) {
  if (columns_.empty()) {
    throw Error(ErrorCode::kInvalid, "a dataset needs at least one column; found none");
  }
  std::set<std::string_view> names;
  for (const DatasetColumn& column : columns_) {
    if (!names.insert(column.field.name).second) {
      throw Error(ErrorCode::kInvalid,
                  "column " + column.field.name + " appears twice; rename one of them",
                  {.file = "", .column = column.field.name});
    }
  }
  rows_ = groups_.front()->rows();
  for (const DatasetColumn& column : columns_) {
    const uint64_t found = groups_[column.group]->rows();
    if (found != rows_) {
      throw Error(ErrorCode::kInvalid,
                  "columns must have the same number of rows; column " +
                      columns_.front().field.name + " has " + std::to_string(rows_) +
                      " and column " + column.field.name + " has " + std::to_string(found),
                  {.file = "", .column = column.field.name});
    }
  }
  if (rows_ == 0) {
    throw Error(ErrorCode::kInvalid, "a dataset needs at least one row; found 0");
  }
  look_at_pieces();
}

// Counts the files, and finds the columns that need a conversion and the one that locates rows.
void Dataset::look_at_pieces() {
  std::set<std::string_view> files;
  int best = -1;
  for (size_t c = 0; c < columns_.size(); ++c) {
    const DatasetColumn& column = columns_[c];
    const RowSpace& space = *groups_[column.group];
    bool converts = false;
    int known = 0;  // of where rows are: 2 = a file, 1 = memory
    for (uint64_t i = 0; i < space.piece_count(); ++i) {
      const Piece& piece = space.piece(i);
      const uint32_t number = piece.source_column(column.column);
      converts =
          converts || piece.source->dtype(number) != column.field.dtype || column.casts.size() > 1;
      const std::string& file = piece.source->file(number);
      known = std::max(known, !file.empty() ? 2 : piece.source->is_numbers() ? 0 : 1);
      if (!file.empty()) {
        files.insert(file);
      }
    }
    converts_.push_back(converts);
    if (known > best) {
      best = known;
      located_column_ = c;
    }
  }
  file_count_ = files.size();
}

Schema Dataset::schema() const {
  Schema schema;
  for (const DatasetColumn& column : columns_) {
    schema.push_back(column.field);
  }
  return schema;
}

uint64_t Dataset::bytes() const noexcept {
  uint64_t row_bytes = 0;
  for (const DatasetColumn& column : columns_) {
    row_bytes += column.field.row_bytes();
  }
  return rows_ * row_bytes;
}

Dataset::Location Dataset::locate(uint64_t row, size_t column) const {
  if (row >= rows_) {
    throw Error(
        ErrorCode::kIndex,
        "row " + std::to_string(row) + " is out of range for " + std::to_string(rows_) + " rows",
        {.file = "", .column = "", .row = row});
  }
  const DatasetColumn& shown = columns_.at(column);
  RowSpace::Workspace space;
  const std::span<const Run> runs = groups_[shown.group]->locate({&row, 1}, space);
  const Run& run = *std::min_element(runs.begin(), runs.end(),
                                     [](const Run& a, const Run& b) { return a.out < b.out; });
  const Piece& piece = groups_[shown.group]->piece(run.piece);
  return {piece.source->file(piece.source_column(shown.column)), run.first};
}

void Dataset::check_range(uint64_t start, uint64_t count, int64_t step) const {
  // How many steps lead to a row: the product with the step, which may overflow, is never formed.
  const uint64_t stride = step < 0 ? 0 - static_cast<uint64_t>(step) : static_cast<uint64_t>(step);
  const uint64_t room = start >= rows_ ? 0 : step < 0 ? start : rows_ - 1 - start;
  if (count > 0 && (start >= rows_ || (stride > 0 && count - 1 > room / stride))) {
    throw Error(ErrorCode::kIndex, "a slice of " + std::to_string(count) + " rows from " +
                                       std::to_string(start) + " by " + std::to_string(step) +
                                       " leaves the " + std::to_string(rows_) + " rows");
  }
}

void Dataset::check_files() const {
  for (const RowSpacePtr& space : groups_) {
    for (uint64_t i = 0; i < space->piece_count(); ++i) {
      space->piece(i).source->check_files();
    }
  }
}

}  // namespace headrace
