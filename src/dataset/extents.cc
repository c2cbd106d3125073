#include "dataset/extents.h"

#include <set>
#include <tuple>
#include <utility>

#include "base/error.h"

namespace headrace {
namespace {

constexpr ColumnPart kParts[] = {ColumnPart::kOffsets, ColumnPart::kValues, ColumnPart::kIndices};

// The extents of `column` in one piece: one of a tensor, one for each part of others.
std::vector<Extent> extents_of(const PieceView& piece, const DatasetColumn& column) {
  const uint32_t number = piece.source_column(column.column);
  std::vector<Extent> extents;
  if (column.stored().is_tensor()) {
    if (const StoredRows* rows = piece.source->stored(number)) {
      extents.push_back({.rows = rows,
                         .row_count = piece.rows,
                         .offset = rows->offset + piece.first * rows->row_bytes,
                         .bytes = piece.rows * rows->row_bytes});
    }
    return extents;
  }
  for (const ColumnPart part : kParts) {
    const StoredPart stored = piece.source->stored_part(number, part);
    if (stored.file != nullptr && stored.bytes > 0) {
      extents.push_back({.rows = stored.file,
                         .part = part,
                         .row_count = piece.source->rows(),
                         .offset = stored.offset,
                         .bytes = stored.bytes});
    }
  }
  return extents;
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
      std::vector<Extent> found;
      try {
        found = extents_of(space.piece(i), column);
      } catch (const Error&) {
        continue;  // the batch that needs a row of this file says what is wrong with it
      }
      for (Extent& extent : found) {
        if (seen.emplace(extent.rows, extent.offset, extent.bytes).second) {
          extent.column = c;
          extents.push_back(extent);
        }
      }
    }
  }
  return extents;
}

}  // namespace headrace
