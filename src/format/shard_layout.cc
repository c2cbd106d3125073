#include "format/shard_layout.h"

#include <algorithm>
#include <array>
#include <arrow_generated.h>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "base/checked.h"
#include "base/hash.h"
#include "base/hash_digits.h"
#include "format/arrow_errors.h"
#include "format/arrow_metadata.h"
#include "format/arrow_schema.h"
#include "format/batch_reader.h"
#include "format/ipc_messages.h"
#include "format/metadata_block.h"

// How a file is read:
//
// 1. head and tail give the magic and the place of the footer;
// 2. the footer is copied and verified: schema, where each record batch lies, our own metadata;
// 3. each record batch's message is copied and verified, and its body's places are checked;
// 4. of a shard of ours, every byte outside the bodies is accounted for: the parts follow one
//    another without gaps, and messages and footer have the hash that the footer carries.
namespace headrace {
namespace {

using flatbuf::MetadataVersion;

constexpr uint64_t kMessageStep = 8;

template <typename T>
T get(const std::byte* at) noexcept {
  T value{};
  std::memcpy(&value, at, sizeof(value));
  return value;
}

std::string_view text_at(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Throws unless the file starts as an Arrow IPC file does; says what it is where that is clear.
void check_head(const File& file) {
  std::array<std::byte, 8> head{};
  const uint64_t found = file.read_some(0, head);
  const std::string_view text = text_at(std::span(head).first(found));
  if (text.starts_with(kArrowMagic)) {
    return;
  }
  if (text.starts_with("PAR1")) {
    throw unsupported_arrow(file.path(), "this is a Parquet file");
  }
  if (text.starts_with("FEA1")) {
    throw unsupported_arrow(file.path(), "this is a Feather file of version 1");
  }
  if (found == head.size() && get<uint32_t>(head.data()) == kContinuation) {
    throw unsupported_arrow(file.path(), "this is an Arrow stream, without the footer of a file");
  }
  throw corrupt_arrow(file.path(), "it does not start with " + std::string(kArrowMagic));
}

// Where the footer lies.
Place find_footer(const File& file) {
  const uint64_t size = file.info().size;
  const auto corrupt = [&file](const std::string& what) {
    return corrupt_arrow(file.path(), what);
  };
  if (size < kFileHead.size() + kFileTail) {
    throw corrupt("it has " + std::to_string(size) + " bytes");
  }
  std::array<std::byte, kFileTail> tail{};
  file.read(size - kFileTail, tail);
  if (text_at(std::span(tail).subspan(sizeof(int32_t))) != kArrowMagic) {
    throw corrupt("it does not end with " + std::string(kArrowMagic) +
                  ", as if its end were missing");
  }
  const auto length = get<int32_t>(tail.data());
  const uint64_t most = std::min(kMaxMetadata, size - kFileHead.size() - kFileTail);
  if (length <= 0 || static_cast<uint64_t>(length) > most) {
    throw corrupt("its footer would have " + std::to_string(length) + " bytes");
  }
  const auto bytes = static_cast<uint64_t>(length);
  return {size - kFileTail - bytes, bytes};
}

// Reads one file. `layout_` grows as described at the top.
class LayoutReader {
 public:
  LayoutReader(const File& file, LayoutRules rules) : file_(file), rules_(rules) {}

  ShardLayout read() {
    check_head(file_);
    footer_place_ = find_footer(file_);
    layout_.file_bytes = file_.info().size;
    const flatbuf::Footer& footer = read_footer();
    if (layout_.profile) {
      read_schema_message();
    }
    read_batches(footer);
    if (layout_.profile) {
      check_end(footer);
    }
    return std::move(layout_);
  }

 private:
  Error corrupt(const std::string& what) const { return corrupt_arrow(file_.path(), what); }

  const flatbuf::Footer& read_footer() {
    footer_.read(file_, footer_place_);
    const auto* footer = footer_.root<flatbuf::Footer>(0, footer_place_.bytes);
    if (footer == nullptr || footer->schema() == nullptr) {
      throw corrupt("its footer cannot be read");
    }
    const auto* profile = value_of(footer->custom_metadata(), kProfileKey, file_.path());
    layout_.profile = profile != nullptr;
    if (layout_.profile && text_of(profile) != kProfile) {
      throw Error(ErrorCode::kUnsupported,
                  file_.path() + " is a shard of profile " + std::string(text_of(profile)) +
                      "; this version of headrace reads profile " + std::string(kProfile) +
                      ", a newer one may read it",
                  {.file = file_.path(), .column = ""});
    }
    if (!layout_.profile) {
      refuse_lost_profile();
    }
    check_version(*footer);
    schema_ = read_schema(*footer->schema(), footer_place_.bytes, file_.path());
    layout_.columns = schema_.columns;
    layout_.metadata = schema_.metadata;
    if (layout_.profile) {
      check_columns();
      layout_.rows_per_batch = promised_rows_per_batch(*footer);
    }
    return *footer;
  }

  // A damaged word can hide the metadata of a footer, and batches with it: then a shard would pass
  // for a file of others, which has no hashes. The keys are still there as text.
  void refuse_lost_profile() const {
    if (rules_ != LayoutRules::kAnyArrow) {
      throw corrupt("its footer does not say that headrace wrote it as a shard");
    }
    const std::string_view text = text_at(footer_.bytes());
    for (const std::string_view key : {kProfileKey, kRowsPerBatchKey, kMetadataHashKey}) {
      if (text.find(key) != std::string_view::npos) {
        throw corrupt("its footer holds " + std::string(key) + " where it cannot be read");
      }
    }
  }

  void check_version(const flatbuf::Footer& footer) const {
    const MetadataVersion version = footer.version();
    const bool known =
        version == MetadataVersion::V5 || (version == MetadataVersion::V4 && !layout_.profile);
    if (!known) {
      throw unsupported_arrow(file_.path(), "it is of version " +
                                                std::to_string(static_cast<int>(version) + 1) +
                                                " of Arrow's metadata");
    }
    if (footer.dictionaries() != nullptr && footer.dictionaries()->size() != 0) {
      throw unsupported_arrow(file_.path(), "it holds dictionaries");
    }
  }

  void check_columns() const {
    for (const ColumnLayout& column : layout_.columns) {
      if (column != profile_column(column.field)) {
        throw corrupt_arrow(file_.path(),
                            "column " + column.field.name + " is not stored as shards store it",
                            column.field.name);
      }
    }
  }

  uint64_t promised_rows_per_batch(const flatbuf::Footer& footer) const {
    const std::string_view text =
        text_of(value_of(footer.custom_metadata(), kRowsPerBatchKey, file_.path()));
    uint64_t rows = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rows);
    if (error != std::errc() || end != text.data() + text.size() || rows == 0) {
      throw corrupt("its footer does not say how many rows a batch has");
    }
    return rows;
  }

  // The stream that a shard also is has the same schema as its footer.
  void read_schema_message() {
    std::array<std::byte, kFileHead.size() + kMessagePrefix> start{};
    if (start.size() > footer_place_.offset) {
      throw corrupt("it has no schema message");
    }
    file_.read(0, start);
    if (text_at(std::span(start).first(kFileHead.size())) != kFileHead) {
      throw corrupt("it does not start as shards do");
    }
    const auto length = get<int32_t>(start.data() + kFileHead.size() + sizeof(kContinuation));
    const uint64_t bytes = length < 0 ? UINT64_MAX : static_cast<uint64_t>(length);
    const Place place{kFileHead.size(), saturating_add(bytes, kMessagePrefix)};
    const flatbuf::Message& message = read_message(place);
    const flatbuf::Schema* schema = message.header_as_Schema();
    if (schema == nullptr || message.body_length() != 0 ||
        read_schema(*schema, place.bytes, file_.path()) != schema_) {
      throw corrupt("its schema message differs from its footer");
    }
    hasher_.update(message_.bytes());
    end_ = place.offset + place.bytes;
  }

  // The verified message at `place`, which is checked first.
  const flatbuf::Message& read_message(const Place& place) {
    const bool fits = range_fits(place.offset, place.bytes, footer_place_.offset) &&
                      place.bytes > kMessagePrefix && place.bytes <= kMaxMetadata &&
                      place.offset % kMessageStep == 0 && place.bytes % kMessageStep == 0;
    if (!fits) {
      throw corrupt("the metadata of a message would have " + std::to_string(place.bytes) +
                    " bytes at " + std::to_string(place.offset));
    }
    message_.read(file_, place);
    const std::byte* start = message_.bytes().data();
    if (const auto first = get<uint32_t>(start); first != kContinuation) {
      // Then the length came first, without a mark before it.
      if (!layout_.profile && first > 0 && first <= place.bytes - sizeof(first)) {
        throw unsupported_arrow(file_.path(), "its messages are framed as before Arrow 0.15");
      }
      throw corrupt("no message starts at " + std::to_string(place.offset));
    }
    const auto length = get<int32_t>(start + sizeof(kContinuation));
    if (length <= 0 || static_cast<uint64_t>(length) > place.bytes - kMessagePrefix) {
      throw corrupt("the message at " + std::to_string(place.offset) + " has a length of " +
                    std::to_string(length));
    }
    const auto* message =
        message_.root<flatbuf::Message>(kMessagePrefix, static_cast<uint64_t>(length));
    if (message == nullptr) {
      throw corrupt("the message at " + std::to_string(place.offset) + " cannot be read");
    }
    return *message;
  }

  void read_batches(const flatbuf::Footer& footer) {
    BatchReader reader(
        layout_.columns, layout_.profile, file_.path(),
        rules_ == LayoutRules::kCompressed ? ShardEncoding::kZstd : ShardEncoding::kPlain);
    bool even = true;
    const auto* blocks = footer.record_batches();
    for (uint32_t i = 0; blocks != nullptr && i < blocks->size(); ++i) {
      BatchLayout batch = read_batch(struct_at(*blocks, i), reader);
      if (batch.rows == 0) {
        continue;
      }
      even = even && (layout_.batches.empty() ||
                      layout_.batches.back().rows == layout_.batches.front().rows);
      batch.first_row = layout_.rows;
      layout_.rows = saturating_add(layout_.rows, batch.rows);
      layout_.batches.push_back(std::move(batch));
    }
    reader.check_nulls();
    check_rows(even);
  }

  BatchLayout read_batch(const flatbuf::Block& block, BatchReader& reader) {
    const auto offset = static_cast<uint64_t>(block.offset());
    // Batches that overlap could stand for far more rows than the file has bytes.
    if (layout_.profile ? offset != end_ : offset < end_) {
      throw corrupt("a record batch lies at " + std::to_string(block.offset()) +
                    ", and what stands before it ends at " + std::to_string(end_));
    }
    const auto metadata_bytes = static_cast<uint64_t>(block.metadata_length());
    const flatbuf::Message& message = read_message({offset, metadata_bytes});
    const Place body{offset + metadata_bytes, static_cast<uint64_t>(block.body_length())};
    if (!range_fits(body.offset, body.bytes, footer_place_.offset)) {
      throw corrupt("the record batch at " + std::to_string(offset) + " would have a body of " +
                    std::to_string(block.body_length()) + " bytes");
    }
    if (layout_.profile) {
      hasher_.update(message_.bytes());
      if (body.offset % kBodyAlignment != 0) {
        throw corrupt("a body starts at no multiple of " + std::to_string(kBodyAlignment));
      }
    }
    end_ = body.offset + body.bytes;
    return reader.read(message, body);
  }

  // Row -> batch is a division where all batches but the last have the same number of rows.
  void check_rows(bool even) {
    if (layout_.rows > static_cast<uint64_t>(INT64_MAX)) {
      throw corrupt("its batches claim more than 2^63 rows");
    }
    if (layout_.batches.empty()) {
      return;
    }
    const uint64_t first = layout_.batches.front().rows;
    const uint64_t last = layout_.batches.back().rows;
    even = even && last <= first;
    if (!layout_.profile) {
      layout_.rows_per_batch = even ? first : 0;
      return;
    }
    const bool one = layout_.batches.size() == 1;
    const uint64_t promised = layout_.rows_per_batch;
    if (!even || (one ? first > promised : first != promised)) {
      throw corrupt("its batches do not have the " + std::to_string(promised) +
                    " rows that its footer says");
    }
  }

  void check_end(const flatbuf::Footer& footer) {
    std::array<std::byte, kEndOfStream.size()> end{};
    if (footer_place_.offset - end_ != end.size()) {
      throw corrupt("its footer does not follow its last batch");
    }
    file_.read(end_, end);
    if (text_at(end) != kEndOfStream) {
      throw corrupt("its stream has no end");
    }
    const auto* digits = value_of(footer.custom_metadata(), kMetadataHashKey, file_.path());
    const std::optional<uint64_t> expected = parse_hash_digits(text_of(digits));
    if (!expected) {
      throw corrupt("its footer carries no readable hash of its metadata");
    }
    const auto at = reinterpret_cast<const std::byte*>(digits->c_str()) - footer_.bytes().data();
    std::fill_n(footer_.bytes().data() + at, kHashDigits, std::byte{'0'});
    hasher_.update(footer_.bytes());
    if (hasher_.digest() != *expected) {
      throw corrupt("its metadata does not have the hash that its footer carries");
    }
  }

  const File& file_;
  LayoutRules rules_;
  Place footer_place_;
  MetadataBlock footer_;
  MetadataBlock message_;
  ArrowSchema schema_;
  Hasher hasher_;                    // of the metadata
  uint64_t end_ = kFileHead.size();  // of what was read
  ShardLayout layout_;
};

}  // namespace

ShardLayout read_shard_layout(const File& file, LayoutRules rules) {
  return LayoutReader(file, rules).read();
}

Schema schema_of(const ShardLayout& layout) {
  Schema schema;
  schema.reserve(layout.columns.size());
  for (const ColumnLayout& column : layout.columns) {
    schema.push_back(column.field);
  }
  return schema;
}

Error damaged_body_error(const std::string& path, const ShardLayout& layout, size_t batch) {
  const BatchLayout& damaged = layout.batches[batch];
  return Error(
      ErrorCode::kCorrupt,
      path + " is damaged: the bytes of rows " + std::to_string(damaged.first_row) + " to " +
          std::to_string(damaged.first_row + damaged.rows - 1) + " (record batch " +
          std::to_string(batch) +
          ") do not have the hash that was written with them; restore the file from a "
          "copy or write it again",
      {.file = path, .column = "", .row = damaged.first_row, .offset = damaged.body.offset});
}

}  // namespace headrace
