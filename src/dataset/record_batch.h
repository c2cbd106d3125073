#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "dataset/shard_file.h"
#include "dataset/source.h"
#include "storage/open_files.h"

namespace headrace {

// A record batch of a file that is open, as sources read it. Of the file's lifetime.
class RecordBatch {
 public:
  // Throws kCorrupt naming the file unless batch `number` of `file` is its rows [first_row,
  // first_row + rows).
  RecordBatch(const OpenShard& file, size_t number, uint64_t first_row, uint64_t rows);

  // Its columns, with pointers into the file's map, where there is one.
  OpenSource open() const;

  // Bytes [offset, offset + bytes) of the file of an element range of a part.
  struct Stretch {
    uint64_t offset = 0;
    uint64_t bytes = 0;
  };
  Stretch stretch(size_t column, ColumnPart part, uint64_t first, uint64_t count) const;

  // As Source::read and Source::read_part, of a file that is mapped or not.
  void read(size_t column, uint64_t first, uint64_t rows, std::byte* out, OpenFiles& files) const;
  void read_part(size_t column, ColumnPart part, uint64_t first, uint64_t count, std::byte* out,
                 OpenFiles& files) const;

 private:
  void read_bytes(const Stretch& from, std::byte* out, OpenFiles& files) const;

  const OpenShard& file_;
  const BatchLayout& batch_;
};

}  // namespace headrace
