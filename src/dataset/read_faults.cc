#include "dataset/read_faults.h"

#include <span>

#include "base/error.h"

namespace headrace {

void throw_map_fault(const MappedFile& map) {
  map.check_size();
  throw Error(ErrorCode::kIo,
              map.path() +
                  " could not be read through its map; the device failed or the "
                  "file was cut and grew again",
              {.file = map.path(), .column = ""});
}

void throw_read_fault(const RowSpace& space, const void* address, const HeldPieces* held) {
  if (held != nullptr) {
    if (const MappedFile* map = held->map_at(address)) {
      throw_map_fault(*map);
    }
  }
  for (uint64_t i = 0; i < space.piece_count(); ++i) {
    const Source* source = space.made_source(i);
    const OpenSource* open = source == nullptr ? nullptr : source->opened();
    if (open == nullptr) {
      continue;
    }
    for (const auto& map : open->maps) {
      if (map != nullptr && map->contains(address)) {
        throw_map_fault(*map);
      }
    }
  }
  throw Error(ErrorCode::kIo,
              "memory could not be read: if it is an array given to from_arrays, the file that it "
              "maps was truncated or its device failed; open files with hr.memmap or hr.open");
}

std::string file_with_part(const Dataset& dataset, uint64_t row, size_t column, ColumnPart part) {
  const DatasetColumn& shown = dataset.columns().at(column);
  const RowSpace& space = *dataset.groups()[shown.group];
  RowSpace::Workspace workspace;
  const std::span<const Run> runs = space.locate({&row, 1}, workspace);
  const PieceView piece = space.piece(runs.front().piece);
  const size_t number = piece.source_column(shown.column);
  const StoredPart stored = piece.source->stored_part(number, part);
  if (stored.file == nullptr) {
    return piece.source->file(number);
  }
  return stored.file->path;
}

}  // namespace headrace
