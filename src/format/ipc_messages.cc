#include "format/ipc_messages.h"

#include <arrow_generated.h>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/hash_digits.h"
#include "format/arrow_metadata.h"
#include "format/arrow_schema.h"

namespace headrace {
namespace {

using flatbuf::MessageHeader;
using flatbuf::MetadataVersion;
using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

int64_t to_signed(uint64_t value) noexcept { return static_cast<int64_t>(value); }

template <typename T>
void put(std::byte* out, T value) noexcept {
  std::memcpy(out, &value, sizeof(value));
}

int32_t length_of(uint64_t bytes) {
  if (bytes > static_cast<uint64_t>(std::numeric_limits<int32_t>::max())) {
    throw Error(ErrorCode::kInvalid, "the metadata of a shard would have " + std::to_string(bytes) +
                                         " bytes; write fewer columns, or shards of fewer batches");
  }
  return static_cast<int32_t>(bytes);
}

// The finished message for `offset` of the file; what follows starts at a multiple of `alignment`.
std::vector<std::byte> framed(const FlatBufferBuilder& builder, uint64_t offset,
                              uint64_t alignment) {
  const uint64_t size = offset + kMessagePrefix + builder.GetSize();
  const uint64_t end = (size + alignment - 1) / alignment * alignment;
  std::vector<std::byte> message(end - offset, std::byte{0});
  put(message.data(), kContinuation);
  put(message.data() + sizeof(kContinuation), length_of(message.size() - kMessagePrefix));
  std::memcpy(message.data() + kMessagePrefix, builder.GetBufferPointer(), builder.GetSize());
  return message;
}

template <typename Header>
void finish_message(FlatBufferBuilder& builder, MessageHeader type, Offset<Header> header,
                    uint64_t body_bytes, const Metadata& metadata) {
  const auto metadata_at = build_metadata(builder, metadata);
  builder.Finish(flatbuf::CreateMessage(builder, MetadataVersion::V5, type, header.Union(),
                                        to_signed(body_bytes), metadata_at));
}

}  // namespace

std::vector<std::byte> schema_message(const Schema& schema, const Metadata& metadata) {
  FlatBufferBuilder builder;
  const auto schema_at = build_schema(builder, schema, metadata);
  finish_message(builder, MessageHeader::Schema, schema_at, 0, {});
  return framed(builder, kFileHead.size(), kBodyAlignment);
}

std::vector<std::byte> batch_message(std::span<const ColumnLayout> columns,
                                     const BatchLayout& batch, uint64_t offset,
                                     ShardEncoding encoding) {
  std::vector<flatbuf::FieldNode> nodes;
  std::vector<flatbuf::Buffer> buffers;
  uint64_t at = 0;
  for (size_t i = 0; i < columns.size(); ++i) {
    ColumnPlace place = batch.columns[i];
    for (const ArrayNode& node : array_nodes(columns[i])) {
      nodes.emplace_back(to_signed(node_length(node, batch.rows, place.elements)), 0);
      for (const BufferRole role : node.buffers) {
        const Place* part = place_of(place, role);
        const uint64_t bytes = part == nullptr ? 0 : part->bytes;
        buffers.emplace_back(to_signed(at), to_signed(bytes));
        at += aligned_body_size(bytes);
      }
    }
  }
  FlatBufferBuilder builder;
  const auto nodes_at = builder.CreateVectorOfStructs(nodes);
  const auto buffers_at = builder.CreateVectorOfStructs(buffers);
  const auto compression =
      encoding == ShardEncoding::kPlain
          ? Offset<flatbuf::BodyCompression>()
          : flatbuf::CreateBodyCompression(builder, flatbuf::CompressionType::ZSTD);
  const auto header =
      flatbuf::CreateRecordBatch(builder, to_signed(batch.rows), nodes_at, buffers_at, compression);
  finish_message(builder, MessageHeader::RecordBatch, header, batch.body.bytes,
                 {{std::string(kBodyHashKey), hash_digits(batch.xxh3.value_or(0))}});
  return framed(builder, offset,
                batch.body.bytes >= kLargeBody ? kLargeBodyAlignment : kBodyAlignment);
}

std::vector<std::byte> file_footer(const Schema& schema, const Metadata& metadata,
                                   uint64_t rows_per_batch, std::span<const MessagePlace> batches,
                                   Hasher& hashed) {
  FlatBufferBuilder builder;
  const auto schema_at = build_schema(builder, schema, metadata);
  std::vector<flatbuf::Block> blocks;
  blocks.reserve(batches.size());
  for (const MessagePlace& batch : batches) {
    blocks.emplace_back(to_signed(batch.offset), length_of(batch.metadata_bytes),
                        to_signed(batch.body_bytes));
  }
  const auto blocks_at = builder.CreateVectorOfStructs(blocks);
  const auto dictionaries_at = builder.CreateVectorOfStructs(std::vector<flatbuf::Block>());
  const auto metadata_at =
      build_metadata(builder, {{std::string(kProfileKey), std::string(kProfile)},
                               {std::string(kRowsPerBatchKey), std::to_string(rows_per_batch)},
                               {std::string(kMetadataHashKey), std::string(kHashDigits, '0')}});
  builder.Finish(flatbuf::CreateFooter(builder, MetadataVersion::V5, schema_at, dictionaries_at,
                                       blocks_at, metadata_at));

  std::vector<std::byte> footer(builder.GetSize() + kFileTail);
  std::memcpy(footer.data(), builder.GetBufferPointer(), builder.GetSize());
  hashed.update(std::span(footer).first(builder.GetSize()));
  const auto* root = flatbuffers::GetRoot<flatbuf::Footer>(footer.data());
  const auto* digits = value_of(root->custom_metadata(), kMetadataHashKey, "");
  const auto digits_at = reinterpret_cast<const std::byte*>(digits->c_str()) - footer.data();
  std::memcpy(footer.data() + digits_at, hash_digits(hashed.digest()).data(), kHashDigits);
  put(footer.data() + builder.GetSize(), length_of(builder.GetSize()));
  std::memcpy(footer.data() + builder.GetSize() + sizeof(int32_t), kArrowMagic.data(),
              kArrowMagic.size());
  return footer;
}

}  // namespace headrace
