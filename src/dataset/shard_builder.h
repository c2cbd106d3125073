#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "column/column_view.h"
#include "column/schema.h"
#include "dataset/pending_rows.h"
#include "dataset/reader.h"
#include "format/manifest.h"
#include "format/shard_writer.h"
#include "storage/durable_file.h"

namespace headrace {

// How large shards and their record batches become. A row that is larger than that is a record
// batch, and a shard, of its own.
struct ShardLimits {
  uint64_t shard_bytes = 128'000'000;           // of a file, without its footer
  uint64_t body_bytes = uint64_t{64} << 20;     // of a record batch
  uint64_t batch_elements = kMaxBatchElements;  // leaf elements of a column of it, fewer than this
};

// Rows that become durable shards, which no manifest names yet.
//
//   ShardBuilder builder("corpus", schema);
//   builder.write(columns);                                 // any number of rows, any often
//   const std::vector<ShardEntry> entries = builder.finish();   // to be committed by the caller
//
// 1. Rows are collected to record batches; those that a caller gives whole are written from the
//    caller's memory. What is held is less than one record batch.
// 2. Every record batch of a shard has the same number of rows, a power of two, but the last. With
//    columns of variable size that number follows from the rows before; a batch that would be too
//    large nevertheless ends its shard early.
// 3. A full shard is published under a name of its own as soon as it is full.
//
// Where rows are cut depends on the rows and the limits alone, not on how they were handed over,
// nor on compression: sizes are those of the expanded file.
// One thread at a time. In a forked child it does nothing at all.
class ShardBuilder {
 public:
  // Shards go to <dataset>/shards, which is made when the first one is. Throws kInvalid as
  // check_shard_schema(), and for limits of 0.
  ShardBuilder(std::string dataset, Schema schema, const ShardLimits& limits = {},
               ShardEncoding encoding = ShardEncoding::kPlain);

  // As abort().
  ~ShardBuilder();
  ShardBuilder(const ShardBuilder&) = delete;
  ShardBuilder& operator=(const ShardBuilder&) = delete;

  // The columns of the rows.
  const Schema& schema() const noexcept { return schema_; }

  // Rows taken since the beginning or the last finish().
  uint64_t rows() const noexcept { return rows_; }

  // Appends rows: one view for each column, equally many rows in each. The views must not change
  // meanwhile. Throws kInvalid, and has then taken nothing, for other numbers of columns or rows,
  // where a row is not what its field says, and for one with as many elements as no record batch
  // may have; the row of the error is counted within `columns`. Calls `poll`, which may throw to
  // stop, every few milliseconds while the rows are checked, and before each record batch. After
  // another error (the disk is full, a poll after the checks) only abort() is left.
  void write(
      std::span<const ColumnView> columns, const Poll& poll = [] {});

  // Publishes what is left and hands over the shards since the beginning or the last finish(), in
  // the order of their rows; no row is written twice, and writing can go on. Throws kIo; only
  // abort() is then left.
  std::vector<ShardEntry> finish();

  // Removes the shards that finish() has not handed over. The builder is then of no use.
  void abort() noexcept;

 private:
  // The shard that is being written.
  struct Open {
    Open(DurableFile begun, const Schema& schema, uint64_t rows_per_batch, ShardEncoding encoding)
        : file(std::move(begun)), writer(schema, rows_per_batch, file, {}, encoding) {}

    DurableFile file;
    ShardWriter writer;
    uint64_t batches = 0;
  };

  uint64_t take(std::span<const ColumnView> columns, uint64_t first, uint64_t count);
  uint64_t take_to_estimate(std::span<const ColumnView> columns, uint64_t first, uint64_t count);
  BatchRoom room(uint64_t bytes) const;
  uint64_t batch_room() const noexcept;
  std::vector<ColumnView> rows_of(std::span<const ColumnView> columns, uint64_t first,
                                  uint64_t count) const;
  bool guessed_badly() const noexcept;
  void write_batch(std::span<const ColumnView> columns);
  void write_pending();
  void end_shard();
  void require_usable() const;

  std::string dataset_;
  Schema schema_;
  ShardLimits limits_;
  ShardEncoding encoding_;
  pid_t process_;
  bool fixed_size_;  // whether every row has the same number of bytes
  bool usable_ = true;
  uint64_t rows_ = 0;
  uint64_t rows_per_batch_ = 0;  // 0: not known yet
  PendingRows pending_;
  std::unique_ptr<Open> open_;
  std::vector<ShardEntry> entries_;
};

// Removes those of the shards that finish() handed over which are not committed, as
// remove_uncommitted() does. Errors are passed over: what stays is collected by age.
void discard_shards(const std::string& dataset, std::span<const std::string> ids) noexcept;

}  // namespace headrace
