#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "column/column_view.h"
#include "column/schema.h"
#include "format/batch_layout.h"
#include "format/metadata.h"
#include "format/shard_encoding.h"
#include "format/shard_frame.h"
#include "storage/byte_sink.h"

namespace headrace {

// Throws kInvalid for a schema that no shard can have: without columns, with two of one name, with
// one that check_field() refuses, an extent of 2^31 or more, or kMaxBatchElements in one row of a
// tensor.
void check_shard_schema(const Schema& schema);

// A shard of profile 1 (docs/format.md) that is being written, front to back.
//
//   ShardWriter writer(schema, 4096, file);
//   while (...) writer.write_batch(columns);
//   const ShardSummary summary = writer.finish();
//
// Holds no rows: beyond the views, memory is a few kilobytes, and 8 bytes a row for offsets that
// must be rewritten; with compression, the body of one record batch, too. One thread at a time.
// After a call threw for another reason than kInvalid (the sink failed), the shard cannot be
// finished.
class ShardWriter {
 public:
  // Writes the schema to `sink`, which must outlive the writer. `extra` is added to the metadata of
  // the Arrow schema. Throws kInvalid as check_shard_schema(), for rows_per_batch of 0, and for
  // keys of `extra` that occur twice.
  ShardWriter(Schema schema, uint64_t rows_per_batch, ByteSink& sink, Metadata extra = {},
              ShardEncoding encoding = ShardEncoding::kPlain);
  ~ShardWriter();
  ShardWriter(const ShardWriter&) = delete;
  ShardWriter& operator=(const ShardWriter&) = delete;

  // Whether somebody has looked for faults in rows already.
  enum class Rows : uint8_t { kToCheck, kChecked };

  // Writes one record batch; `columns` are those of the schema, with rows_per_batch rows each. Only
  // the last batch may have fewer, and none has 0. The views are read more than once and must not
  // change meanwhile. Throws kInvalid, before anything of it is written, for other numbers of rows
  // or columns, kMaxBatchElements, and with kToCheck for rows that find_row_fault finds. Requires:
  // with kChecked, it finds none.
  void write_batch(std::span<const ColumnView> columns, Rows rows = Rows::kToCheck);

  // Writes the end of the file. Throws kInvalid when called twice.
  ShardSummary finish();

  // Rows and bytes so far.
  uint64_t rows() const noexcept;
  uint64_t bytes() const noexcept;

  // What bytes() would be without compression.
  uint64_t expanded_bytes() const noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace headrace
