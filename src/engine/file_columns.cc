#include "engine/file_columns.h"

#include <algorithm>
#include <map>
#include <utility>

namespace headrace {
namespace {

// One part of a column with offsets, over all files.
struct PartSum {
  uint64_t bytes = 0;
  uint64_t rows = 0;
};

uint64_t in_pages(uint64_t bytes, uint64_t page) { return (bytes + page - 1) / page * page; }

// Adds what rows of one size take of files.
void add_rows(const Dataset& dataset, const Extent& extent, uint64_t page, FileColumn& column) {
  const DatasetColumn& shown = dataset.columns()[extent.column];
  if (shown.members != nullptr) {
    column.row_bytes = shown.stored().row_bytes();
    column.row_page_bytes = shown.members->columns().size() * page;
    return;
  }
  const uint64_t stored_rows = dataset.groups()[shown.group]->stored_rows();
  column.row_bytes = std::max(column.row_bytes, extent.rows->row_bytes * stored_rows);
  column.row_page_bytes = in_pages(column.row_bytes, page);
}

}  // namespace

std::vector<FileColumn> file_columns(const Dataset& dataset, const std::vector<Extent>& extents,
                                     uint64_t page) {
  std::vector<FileColumn> columns(dataset.columns().size());
  std::map<std::pair<size_t, ColumnPart>, PartSum> parts;
  for (const Extent& extent : extents) {
    columns[extent.column].bytes += extent.bytes;
    if (dataset.columns()[extent.column].stored().is_tensor()) {
      add_rows(dataset, extent, page, columns[extent.column]);
      continue;
    }
    PartSum& part = parts[{extent.column, extent.part}];
    part.bytes += extent.bytes;
    part.rows += extent.row_count;
  }
  for (const auto& [key, part] : parts) {
    FileColumn& column = columns[key.first];
    const uint64_t row_bytes = (part.bytes + part.rows - 1) / part.rows;
    column.row_bytes += row_bytes;
    if (key.second == ColumnPart::kOffsets) {
      column.offset_bytes = part.bytes;
    } else {
      column.row_page_bytes += in_pages(row_bytes, page);
    }
  }
  return columns;
}

}  // namespace headrace
