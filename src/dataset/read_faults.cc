#include "dataset/read_faults.h"

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

void throw_read_fault(const RowSpace& space, const void* address) {
  for (uint64_t i = 0; i < space.piece_count(); ++i) {
    const OpenSource* open = space.piece(i).source->opened();
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

}  // namespace headrace
