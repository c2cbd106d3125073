#include "format/batch_reader.h"

#include <algorithm>
#include <utility>

#include "base/checked.h"
#include "base/hash_digits.h"
#include "format/arrow_errors.h"
#include "format/arrow_metadata.h"
#include "format/ipc_messages.h"
#include "format/metadata_block.h"
#include "format/stored_body.h"

namespace headrace {
namespace {

using flatbuf::MessageHeader;
using flatbuf::MetadataVersion;

// Buffers begin at multiples of 8, says the Arrow specification.
constexpr uint64_t kBufferStep = 8;

// The record batch of a message that promises `body_bytes`.
const flatbuf::RecordBatch& batch_of(const flatbuf::Message& message, uint64_t body_bytes,
                                     const std::string& path) {
  const flatbuf::RecordBatch* batch = message.header_as_RecordBatch();
  if (batch == nullptr) {
    throw corrupt_arrow(path, "its footer names a message that is no record batch");
  }
  if (message.version() < MetadataVersion::V4 || message.version() > MetadataVersion::V5) {
    throw unsupported_arrow(path, "its messages are of another version of Arrow's metadata");
  }
  if (message.body_length() < 0 || static_cast<uint64_t>(message.body_length()) != body_bytes) {
    throw corrupt_arrow(path, "a body has " + std::to_string(body_bytes) +
                                  " bytes by the footer and " +
                                  std::to_string(message.body_length()) + " by its message");
  }
  if (batch->variadic_buffer_counts() != nullptr && batch->variadic_buffer_counts()->size() != 0) {
    throw corrupt_arrow(path, "a record batch counts variadic buffers, and no column has them");
  }
  if (batch->length() < 0 || batch->nodes() == nullptr || batch->buffers() == nullptr) {
    throw corrupt_arrow(path, "a record batch has no or negative sizes");
  }
  return *batch;
}

}  // namespace

// Goes through the arrays and buffers of one record batch in their order.
class BatchReader::Cursor {
 public:
  Cursor(const flatbuf::RecordBatch& batch, const Place& body, const std::string& path)
      : nodes_(*batch.nodes()), buffers_(*batch.buffers()), body_(body), path_(path) {}

  // Requires: the batch has another one.
  flatbuf::FieldNode next_node() { return struct_at(nodes_, node_++); }
  flatbuf::FieldNode node_after(uint32_t count) const { return struct_at(nodes_, node_ + count); }

  // The next buffer as a place of the file. Requires: the batch has another one.
  Place next_buffer(const std::string& column) {
    const flatbuf::Buffer buffer = struct_at(buffers_, buffer_++);
    const auto offset = static_cast<uint64_t>(buffer.offset());
    const auto bytes = static_cast<uint64_t>(buffer.length());
    // Negative numbers are beyond any body here.
    if (!range_fits(offset, bytes, body_.bytes)) {
      throw corrupt_arrow(path_,
                          "column " + column + " has a buffer of " +
                              std::to_string(buffer.length()) + " bytes at " +
                              std::to_string(buffer.offset()) + " of a body of " +
                              std::to_string(body_.bytes),
                          column);
    }
    if (bytes > 0 && offset % kBufferStep != 0) {
      throw corrupt_arrow(
          path_, "column " + column + " has a buffer that starts at no multiple of 8", column);
    }
    return {body_.offset + offset, bytes};
  }

 private:
  const flatbuffers::Vector<const flatbuf::FieldNode*>& nodes_;
  const flatbuffers::Vector<const flatbuf::Buffer*>& buffers_;
  Place body_;
  const std::string& path_;
  uint32_t node_ = 0;
  uint32_t buffer_ = 0;
};

BatchReader::BatchReader(const std::vector<ColumnLayout>& columns, bool profile,
                         const std::string& path, ShardEncoding encoding)
    : columns_(columns),
      nulls_(columns.size()),
      profile_(profile),
      encoding_(encoding),
      path_(path) {
  nodes_.reserve(columns.size());
  for (const ColumnLayout& column : columns) {
    nodes_.push_back(array_nodes(column));
  }
}

BatchLayout BatchReader::read(const flatbuf::Message& message, const Place& body) {
  const flatbuf::RecordBatch& record = batch_of(message, body.bytes, path_);
  check_compression(record);
  BatchLayout batch{.rows = static_cast<uint64_t>(record.length()), .body = body};
  if (const auto* digits = value_of(message.custom_metadata(), kBodyHashKey, path_)) {
    batch.xxh3 = parse_hash_digits(text_of(digits));
  }
  if (batch.xxh3.has_value() != profile_) {
    throw corrupt_arrow(path_, profile_ ? "a record batch carries no readable hash of its rows"
                                        : "a record batch carries a hash that only shards have, "
                                          "and the footer does not say that this is a shard");
  }
  uint64_t nodes = 0;
  uint64_t buffers = 0;
  for (const auto& column : nodes_) {
    nodes += column.size();
    for (const ArrayNode& node : column) {
      buffers += node.buffers.size();
    }
  }
  if (record.nodes()->size() != nodes || record.buffers()->size() != buffers) {
    throw corrupt_arrow(path_, "a record batch has " + std::to_string(record.nodes()->size()) +
                                   " arrays and " + std::to_string(record.buffers()->size()) +
                                   " buffers; its schema needs " + std::to_string(nodes) + " and " +
                                   std::to_string(buffers));
  }
  Cursor cursor(record, body, path_);
  batch.columns.resize(columns_.size());
  for (size_t column = 0; column < columns_.size(); ++column) {
    read_column(column, cursor, batch);
  }
  if (encoding_ != ShardEncoding::kPlain) {
    check_stored(batch);
  } else if (profile_) {
    check_profile(batch);
  }
  return batch;
}

void BatchReader::check_compression(const flatbuf::RecordBatch& record) const {
  const flatbuf::BodyCompression* compression = record.compression();
  if (encoding_ == ShardEncoding::kPlain && compression != nullptr) {
    throw profile_ ? compressed_shard(path_) : unsupported_arrow(path_, "its rows are compressed");
  }
  const bool as_said =
      encoding_ == ShardEncoding::kPlain ||
      (compression != nullptr && compression->codec() == flatbuf::CompressionType::ZSTD &&
       compression->method() == flatbuf::BodyCompressionMethod::BUFFER);
  if (!as_said) {
    throw corrupt_arrow(path_, "a record batch is not compressed by zstd, as its manifest says");
  }
}

void BatchReader::read_column(size_t column, Cursor& cursor, BatchLayout& batch) {
  const ColumnLayout& layout = columns_[column];
  const std::string& name = layout.field.name;
  const auto corrupt = [&](const std::string& what) {
    return corrupt_arrow(path_, "column " + name + " has " + what, name);
  };
  const std::vector<ArrayNode>& nodes = nodes_[column];
  ColumnPlace& place = batch.columns[column];
  // The array inside a list says how many elements there are; of bytes, the buffer does.
  const bool is_list = nodes.size() > 1 && nodes[1].per_element;
  if (is_list) {
    place.elements = static_cast<uint64_t>(std::max<int64_t>(cursor.node_after(1).length(), 0));
  }
  for (size_t i = 0; i < nodes.size(); ++i) {
    const flatbuf::FieldNode node = cursor.next_node();
    const auto length = static_cast<uint64_t>(node.length());
    const uint64_t needed = node_length(nodes[i], batch.rows, place.elements);
    const bool exact = profile_ || i == 0;
    if (node.length() < 0 || (exact ? length != needed : length < needed)) {
      throw corrupt("an array of " + std::to_string(node.length()) + " values for " +
                    std::to_string(batch.rows) + " rows, which need " + std::to_string(needed));
    }
    if (node.null_count() < 0 || node.null_count() > node.length()) {
      throw corrupt(std::to_string(node.null_count()) + " nulls among " +
                    std::to_string(node.length()) + " values");
    }
    nulls_[column] = saturating_add(nulls_[column], static_cast<uint64_t>(node.null_count()));
    for (const BufferRole role : nodes[i].buffers) {
      const Place buffer = cursor.next_buffer(name);
      Place* part = place_of(place, role);
      if (part == nullptr) {
        if (profile_ && buffer.bytes != 0) {
          throw corrupt("a validity buffer, which shards do not have");
        }
        continue;
      }
      *part = buffer;
      if (role == BufferRole::kValues && !is_list && !layout.field.is_tensor() &&
          encoding_ == ShardEncoding::kPlain) {
        place.elements = buffer.bytes;
      }
      if (encoding_ != ShardEncoding::kPlain) {
        continue;  // how much it holds stands in the body
      }
      const uint64_t bytes =
          batch.rows == 0 ? 0 : buffer_bytes(layout, role, batch.rows, place.elements);
      if (buffer.bytes < bytes) {
        throw corrupt("a buffer of " + std::to_string(buffer.bytes) + " bytes for " +
                      std::to_string(batch.rows) + " rows, which need " + std::to_string(bytes));
      }
    }
  }
}

void BatchReader::check_profile(const BatchLayout& batch) const {
  std::vector<uint64_t> elements;
  elements.reserve(batch.columns.size());
  bool counted = true;  // in 32 bits, by readers that do so
  for (size_t i = 0; i < batch.columns.size(); ++i) {
    elements.push_back(batch.columns[i].elements);
    counted =
        counted && leaf_elements(columns_[i].field, batch.rows, elements[i]) < kMaxBatchElements;
  }
  const BatchLayout expected = profile_batch(columns_, batch.rows, elements, batch.body.offset);
  if (batch.rows == 0 || !counted || batch.columns != expected.columns ||
      batch.body != expected.body) {
    throw corrupt_arrow(path_, "a record batch of " + std::to_string(batch.rows) +
                                   " rows is not laid out as shards are");
  }
}

// The buffers follow one another as those of other bodies of shards do.
void BatchReader::check_stored(const BatchLayout& batch) const {
  uint64_t at = batch.body.offset;
  bool fits = batch.rows > 0;
  for (ColumnPlace column : batch.columns) {
    for (const Place* part : stored_parts(column)) {
      fits = fits && part->offset == at && part->bytes > kStoredPrefix;
      at = saturating_add(at, aligned_body_size(part->bytes));
    }
  }
  if (!fits || at - batch.body.offset != batch.body.bytes) {
    throw corrupt_arrow(path_, "a record batch of " + std::to_string(batch.rows) +
                                   " rows is not laid out as compressed shards are");
  }
}

void BatchReader::check_nulls() const {
  for (size_t column = 0; column < columns_.size(); ++column) {
    if (nulls_[column] > 0) {
      const std::string& name = columns_[column].field.name;
      std::string message = path_ + ": column ";
      message += name + " has ";
      message += std::to_string(nulls_[column]);
      message += nulls_[column] == 1 ? " null value" : " null values";
      message +=
          ", and columns that are read in place have none; write it as shards once, with a value "
          "that stands for them: in Python hr.convert(..., fill={\"";
      message += name;
      message += "\": value}), in a shell headrace convert --fill ";
      message += name;
      message += "=VALUE; column ";
      message += name + "_valid then says where they were";
      throw Error(ErrorCode::kUnsupported, message, {.file = path_, .column = name});
    }
  }
}

}  // namespace headrace
