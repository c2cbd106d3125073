#include "dataset/extents.h"

#include <set>
#include <tuple>

#include "base/error.h"

namespace headrace {
namespace {

// Where a column is stored; nullptr also where the file cannot be opened: the batch that needs a
// row of it says what is wrong.
const StoredRows* stored_rows(const Piece& piece, uint32_t column) {
  try {
    return piece.source->stored(piece.source_column(column));
  } catch (const Error&) {
    return nullptr;
  }
}

}  // namespace

std::vector<Extent> file_extents(const Dataset& dataset, const std::function<void()>& poll) {
  std::vector<Extent> extents;
  std::set<std::tuple<const StoredRows*, uint64_t, uint64_t>> seen;
  for (size_t c = 0; c < dataset.columns().size(); ++c) {
    const DatasetColumn& column = dataset.columns()[c];
    if (column.members != nullptr) {
      for (Extent extent : file_extents(*column.members, poll)) {
        extent.column = c;
        extents.push_back(extent);
      }
      continue;
    }
    const RowSpace& space = *dataset.groups()[column.group];
    for (uint64_t i = 0; i < space.piece_count(); ++i) {
      poll();
      const Piece& piece = space.piece(i);
      const StoredRows* rows = stored_rows(piece, column.column);
      if (rows != nullptr && seen.emplace(rows, piece.first, piece.rows).second) {
        extents.push_back({.rows = rows,
                           .column = c,
                           .offset = rows->offset + piece.first * rows->row_bytes,
                           .bytes = piece.rows * rows->row_bytes});
      }
    }
  }
  return extents;
}

}  // namespace headrace
