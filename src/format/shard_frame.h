#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/hash.h"
#include "column/schema.h"
#include "format/batch_layout.h"
#include "format/ipc_messages.h"
#include "format/metadata.h"
#include "format/shard_encoding.h"
#include "storage/byte_sink.h"

namespace headrace {

// What the manifest keeps of a finished shard.
struct ShardSummary {
  uint64_t rows = 0;
  uint64_t bytes = 0;           // of the file
  uint64_t xxh3 = 0;            // XXH3-64 of the file
  uint64_t expanded_bytes = 0;  // of the file without compression

  bool operator==(const ShardSummary&) const = default;
};

// A shard's file from its head to its tail: everything but the bodies, which the caller makes.
//
//   ShardFrame frame(schema, metadata, 4096, file);
//   for (...) { frame.begin_batch(batch); frame.write(body); }
//   frame.finish();
//
// One thread at a time. After the sink failed, the shard cannot be finished.
class ShardFrame {
 public:
  // Writes the head and the schema to `sink`, which must outlive this. Throws kInvalid for
  // rows_per_batch of 0 and for keys of `metadata` that occur twice. Requires: `schema` is one of a
  // shard, as check_shard_schema() has it.
  ShardFrame(Schema schema, Metadata metadata, uint64_t rows_per_batch, ByteSink& sink);

  const Schema& schema() const noexcept { return schema_; }
  const std::vector<ColumnLayout>& columns() const noexcept { return columns_; }
  uint64_t rows_per_batch() const noexcept { return rows_per_batch_; }

  // The bytes of the message of `batch` without compression, if it stood at `offset`.
  uint64_t message_bytes(const BatchLayout& batch, uint64_t offset) const;

  // Writes the message of `batch`: its rows, its hash, and the sizes of its body and its places.
  // batch.body.bytes bytes must follow by write().
  void begin_batch(const BatchLayout& batch, ShardEncoding encoding = ShardEncoding::kPlain);

  // Writes the next bytes of the body.
  void write(std::span<const std::byte> bytes);

  // Writes the end of the file. Throws kInvalid when called twice.
  ShardSummary finish();

  // Rows, and bytes, so far.
  uint64_t rows() const noexcept { return rows_; }
  uint64_t bytes() const noexcept { return bytes_; }
  bool finished() const noexcept { return finished_; }

 private:
  void emit_message(const std::vector<std::byte>& message);
  void flush();

  Schema schema_;
  Metadata metadata_;
  uint64_t rows_per_batch_;
  ByteSink& sink_;
  std::vector<ColumnLayout> columns_;
  std::vector<MessagePlace> batches_;
  Hasher metadata_hash_;
  Hasher file_hash_;
  std::vector<std::byte> pending_;
  uint64_t rows_ = 0;
  uint64_t bytes_ = 0;
  bool finished_ = false;
};

}  // namespace headrace
