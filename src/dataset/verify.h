#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "column/schema.h"
#include "dataset/reader.h"
#include "format/shard_encoding.h"

namespace headrace {

// What a manifest promises about a shard.
struct CommittedShard {
  Schema schema = {};  // of the dataset; a shard's csr columns may be narrower
  uint64_t rows = 0;
  uint64_t batch_rows = 0;    // of every record batch but the last
  uint64_t stored_bytes = 0;  // of the file
  uint64_t stored_xxh3 = 0;   // XXH3-64 of the file
  uint64_t bytes = 0;         // of the expanded file, or more
  ShardEncoding encoding = ShardEncoding::kPlain;
};

// Something that is wrong with a shard, and the rows that nobody can trust because of it.
struct ShardFinding {
  ErrorCode code = ErrorCode::kCorrupt;
  std::string what = {};
  std::string column = {};                       // empty: it is not about one
  std::optional<uint64_t> batch = std::nullopt;  // absent: the file as a whole
  uint64_t first_row = 0;                        // of the shard, that is lost
  uint64_t rows = 0;                             // lost; of a column, they need not be neighbours
};

// What verify_shard() found.
struct ShardVerdict {
  uint64_t rows = 0;  // of the shard, or those that the manifest promises where it cannot be read
  uint64_t batches = 0;
  uint64_t bytes = 0;      // of the file
  uint64_t rows_lost = 0;  // in any of the findings, each counted once
  bool hashed = false;     // every body carries a hash; otherwise only structure was checked
  std::vector<ShardFinding> findings = {};
};

// Reads every byte of the shard at `path`, or of another Arrow file, and looks at all that can be
// wrong with it:
//
//   1. the structure and the hash of the metadata, as at every open;
//   2. rows, schema, size and hash of the file, where a manifest promises them;
//   3. the hash of each record batch's body, and where it is right,
//   4. each row: offsets, UTF-8 of text, indices of csr, bools (find_row_fault); of a compressed
//      shard instead, that every body expands to what it announces.
//
// Never stops at the first finding, and throws only what `poll` throws, which it calls every few
// milliseconds, and std::bad_alloc. Holds a few megabytes, and a bit for each row of a batch; where
// the file cannot be mapped, a record batch.
ShardVerdict verify_shard(const std::string& path, const CommittedShard* committed,
                          const Poll& poll);

}  // namespace headrace
