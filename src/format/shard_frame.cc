#include "format/shard_frame.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace headrace {
namespace {

// Smaller pieces are put together, so that a batch of many small columns is few writes.
constexpr size_t kDirectWrite = size_t{64} << 10;

// So much is hashed and written at a time.
constexpr size_t kCacheBytes = size_t{256} << 10;

void check_metadata(const Metadata& metadata) {
  std::set<std::string_view> keys;
  for (const auto& [key, value] : metadata) {
    if (!keys.insert(key).second) {
      throw Error(ErrorCode::kInvalid, "the metadata has two values for " + key);
    }
  }
}

}  // namespace

ShardFrame::ShardFrame(Schema schema, Metadata metadata, uint64_t rows_per_batch, ByteSink& sink)
    : schema_(std::move(schema)),
      metadata_(std::move(metadata)),
      rows_per_batch_(rows_per_batch),
      sink_(sink) {
  check_metadata(metadata_);
  if (rows_per_batch == 0) {
    throw Error(ErrorCode::kInvalid, "rows_per_batch is 0; a record batch has at least 1 row");
  }
  for (const Field& field : schema_) {
    columns_.push_back(profile_column(field));
  }
  write(std::as_bytes(std::span(kFileHead)));
  emit_message(schema_message(schema_, metadata_));
}

uint64_t ShardFrame::message_bytes(const BatchLayout& batch, uint64_t offset) const {
  return batch_message(columns_, batch, offset).size();
}

void ShardFrame::begin_batch(const BatchLayout& batch, ShardEncoding encoding) {
  const std::vector<std::byte> message = batch_message(columns_, batch, bytes_, encoding);
  batches_.push_back({bytes_, message.size(), batch.body.bytes});
  emit_message(message);
  rows_ += batch.rows;
}

ShardSummary ShardFrame::finish() {
  if (finished_) {
    throw Error(ErrorCode::kInvalid, "finish() was called twice on a shard");
  }
  write(std::as_bytes(std::span(kEndOfStream)));
  write(file_footer(schema_, metadata_, rows_per_batch_, batches_, metadata_hash_));
  flush();
  finished_ = true;
  return {.rows = rows_, .bytes = bytes_, .xxh3 = file_hash_.digest(), .expanded_bytes = bytes_};
}

void ShardFrame::emit_message(const std::vector<std::byte>& message) {
  metadata_hash_.update(message);
  write(message);
}

void ShardFrame::write(std::span<const std::byte> bytes) {
  bytes_ += bytes.size();
  if (bytes.size() >= kDirectWrite) {
    flush();
    // What was hashed is still in the cache when it is copied.
    for (; !bytes.empty(); bytes = bytes.subspan(std::min(bytes.size(), kCacheBytes))) {
      const auto piece = bytes.first(std::min(bytes.size(), kCacheBytes));
      file_hash_.update(piece);
      sink_.write(piece);
    }
    return;
  }
  file_hash_.update(bytes);
  pending_.insert(pending_.end(), bytes.begin(), bytes.end());
  if (pending_.size() >= kDirectWrite) {
    flush();
  }
}

void ShardFrame::flush() {
  if (!pending_.empty()) {
    sink_.write(pending_);
    pending_.clear();
  }
}

}  // namespace headrace
