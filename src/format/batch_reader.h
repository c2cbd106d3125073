#pragma once

#include <arrow_generated.h>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "format/batch_layout.h"
#include "format/shard_encoding.h"

namespace headrace {

// Turns record batch messages into places of rows, and holds them to the columns of the schema.
class BatchReader {
 public:
  // `columns` and `path` must outlive the reader. With `profile`, batches must be exactly as
  // profile_batch lays them out, and carry their hash; otherwise they must not carry one. With an
  // `encoding` other than kPlain, which only the profile has, they must be stored so: places are
  // then those of what is stored (format/stored_body.h), and the elements of bytes and text are 0,
  // since only the body tells them.
  BatchReader(const std::vector<ColumnLayout>& columns, bool profile, const std::string& path,
              ShardEncoding encoding = ShardEncoding::kPlain);

  // The batch of a verified message whose body lies at `body`, inside the file; first_row is 0.
  // Throws kCorrupt for lengths that do not fit rows and types, and for buffers outside the body;
  // kUnsupported for bodies that are compressed unasked.
  BatchLayout read(const flatbuf::Message& message, const Place& body);

  // Throws kUnsupported, naming a column and how many nulls all batches read so far have in it, if
  // there are any.
  void check_nulls() const;

 private:
  class Cursor;

  void read_column(size_t column, Cursor& cursor, BatchLayout& batch);
  void check_compression(const flatbuf::RecordBatch& record) const;
  void check_profile(const BatchLayout& batch) const;
  void check_stored(const BatchLayout& batch) const;

  const std::vector<ColumnLayout>& columns_;
  std::vector<std::vector<ArrayNode>> nodes_;  // of each column
  std::vector<uint64_t> nulls_;                // of each column
  bool profile_;
  ShardEncoding encoding_;
  const std::string& path_;
};

}  // namespace headrace
