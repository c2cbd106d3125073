#include "dataset/made_shard_writer.h"

#include <algorithm>
#include <vector>

#include "dataset/given_rows_check.h"

namespace headrace {

MadeShardWriter::MadeShardWriter(const Schema& schema, uint64_t rows_per_batch, ByteSink& sink)
    : schema_(schema),
      rows_per_batch_(rows_per_batch),
      writer_(schema, rows_per_batch, sink),
      pending_(schema) {}

void MadeShardWriter::write(std::span<const ColumnView> columns) {
  check_given_rows(schema_, columns, kMaxBatchElements, [] {});
  const uint64_t rows = columns[0].rows;
  for (uint64_t first = 0; first < rows;) {
    const uint64_t count = std::min(rows - first, rows_per_batch_ - pending_.rows());
    if (count == rows_per_batch_) {
      std::vector<ColumnView> batch;
      for (size_t c = 0; c < schema_.size(); ++c) {
        batch.push_back(slice(columns[c], schema_[c], first, count));
      }
      writer_.write_batch(batch, ShardWriter::Rows::kChecked);
    } else {
      pending_.append(schema_, columns, first, count);
      if (pending_.rows() == rows_per_batch_) {
        write_pending();
      }
    }
    first += count;
  }
}

void MadeShardWriter::write_pending() {
  writer_.write_batch(pending_.views(schema_, pending_.rows()), ShardWriter::Rows::kChecked);
  pending_.drop(schema_, pending_.rows());
}

ShardSummary MadeShardWriter::finish() {
  if (pending_.rows() > 0) {
    write_pending();
  }
  return writer_.finish();
}

}  // namespace headrace
