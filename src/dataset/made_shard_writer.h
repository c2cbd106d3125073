#pragma once

#include <cstdint>
#include <span>

#include "column/column_view.h"
#include "column/schema.h"
#include "dataset/pending_rows.h"
#include "format/shard_writer.h"
#include "storage/byte_sink.h"

namespace headrace {

// Rows that become one shard, in record batches of a number that was settled before.
//
//   MadeShardWriter writer(schema, 4096, sink);
//   writer.write(columns);                        // any number of rows, any often
//   const ShardSummary summary = writer.finish();
//
// Whole record batches are written from the caller's memory; what is held is less than one. One
// thread at a time. After a call threw, the shard cannot be finished.
class MadeShardWriter {
 public:
  // As ShardWriter. `sink` must outlive this.
  MadeShardWriter(const Schema& schema, uint64_t rows_per_batch, ByteSink& sink);

  // Appends rows: one view for each column, equally many rows in each. Throws as
  // check_given_rows(); what the sink throws.
  void write(std::span<const ColumnView> columns);

  // Writes what is left, and the end of the file. A shard may have no rows.
  ShardSummary finish();

 private:
  void write_pending();

  Schema schema_;
  uint64_t rows_per_batch_;
  ShardWriter writer_;
  PendingRows pending_;
};

}  // namespace headrace
