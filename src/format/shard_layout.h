#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "column/schema.h"
#include "format/batch_layout.h"
#include "format/metadata.h"
#include "storage/file.h"

namespace headrace {

// What an Arrow IPC file says about itself, checked.
struct ShardLayout {
  std::vector<ColumnLayout> columns = {};  // at least one; names differ
  std::vector<BatchLayout> batches = {};   // in row order; empty ones are left out
  uint64_t rows = 0;                       // of all batches; may be 0
  // Rows of every batch but the last, so that row / rows_per_batch is the batch; 0 where batches
  // are uneven, as files of others may be.
  uint64_t rows_per_batch = 0;
  Metadata metadata = {};   // of the Arrow schema
  bool profile = false;     // whether this is a shard that headrace wrote (profile 1)
  uint64_t file_bytes = 0;  // the size that all places were checked against

  bool operator==(const ShardLayout&) const = default;
};

// Whose files are taken.
enum class LayoutRules : uint8_t {
  kAnyArrow,     // every file within the reading rules of docs/format.md
  kProfileOnly,  // shards that headrace wrote; anything else is kCorrupt
  kCompressed,   // shards that headrace wrote compressed: see BatchReader for their places
};

// Reads the metadata of an Arrow IPC file, and none of its rows: every count, size and offset is
// bounded by the size of the file before it is used, and memory stays within a small multiple of
// the metadata. Shards of our profile are held to its letter and to the hash of their metadata.
//
// Throws kCorrupt and kTruncated for a file that contradicts the format; kUnsupported, saying what
// to do, for what is not read in place (other types, nulls, dictionaries, compression, big
// endian); kIo.
ShardLayout read_shard_layout(const File& file, LayoutRules rules = LayoutRules::kAnyArrow);

// The schema of the rows.
Schema schema_of(const ShardLayout& layout);

// The kCorrupt error for batch number `batch` of `path`, whose body is not intact: it names the
// rows that are lost.
Error damaged_body_error(const std::string& path, const ShardLayout& layout, size_t batch);

}  // namespace headrace
