#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "column/schema.h"
#include "format/batch_layout.h"
#include "format/metadata.h"
#include "format/shard_encoding.h"

// The parts of an Arrow IPC file around the bodies, as our profile writes them:
//
//   "ARROW1" 0 0
//   schema message
//   record batch message, body; record batch message, body; ...
//   end of stream
//   footer, its length (int32), "ARROW1"
//
// A message is 0xFFFFFFFF, the length of what follows (int32), a flatbuffer, zeros: so many that
// the next part of the file starts at a multiple of kBodyAlignment, and a large body on a page.
namespace headrace {

inline constexpr std::string_view kArrowMagic = "ARROW1";
inline constexpr std::string_view kFileHead{"ARROW1\0\0", 8};
inline constexpr std::string_view kEndOfStream{"\xFF\xFF\xFF\xFF\0\0\0\0", 8};
inline constexpr uint32_t kContinuation = 0xFFFFFFFF;
inline constexpr uint64_t kMessagePrefix = 8;                  // continuation and length
inline constexpr uint64_t kFileTail = 4 + kArrowMagic.size();  // length of the footer and magic

// Keys of our own. The hash of a body stands in the metadata of its message, the others in the
// metadata of the footer, which no tool copies when it writes the rows again.
inline constexpr std::string_view kBodyHashKey = "headrace.xxh3";
inline constexpr std::string_view kProfileKey = "headrace.profile";
inline constexpr std::string_view kRowsPerBatchKey = "headrace.rows_per_batch";
inline constexpr std::string_view kMetadataHashKey = "headrace.meta_xxh3";
inline constexpr std::string_view kProfile = "1";

// Where a message stands.
struct MessagePlace {
  uint64_t offset = 0;
  uint64_t metadata_bytes = 0;  // of the message without the body, with its prefix
  uint64_t body_bytes = 0;
};

// The schema message, for its place right behind the head of the file.
std::vector<std::byte> schema_message(const Schema& schema, const Metadata& metadata);

// The message of `batch` for `offset` of the file. `batch.body.offset` is not used: the body
// follows the message. Sizes of places and of the body are those that are stored.
std::vector<std::byte> batch_message(std::span<const ColumnLayout> columns,
                                     const BatchLayout& batch, uint64_t offset,
                                     ShardEncoding encoding = ShardEncoding::kPlain);

// The footer with its length and the magic. `hashed` has taken in all messages; the footer goes
// into it with zeros for the digits, and then carries the digest.
std::vector<std::byte> file_footer(const Schema& schema, const Metadata& metadata,
                                   uint64_t rows_per_batch, std::span<const MessagePlace> batches,
                                   Hasher& hashed);

}  // namespace headrace
