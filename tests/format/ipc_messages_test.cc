#include "format/ipc_messages.h"

#include <arrow_generated.h>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/hash_digits.h"
#include "format/arrow_metadata.h"

namespace headrace {
namespace {

using Bytes = std::vector<std::byte>;

const Field kField{.name = "x", .dtype = DType::kInt32};
const std::vector<ColumnLayout> kColumns = {profile_column(kField)};

template <typename T>
T at(const Bytes& bytes, size_t offset) {
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

const flatbuf::Message& message_in(const Bytes& bytes) {
  EXPECT_EQ(at<uint32_t>(bytes, 0), kContinuation);
  EXPECT_EQ(at<uint32_t>(bytes, 4), bytes.size() - kMessagePrefix);
  const auto* start = reinterpret_cast<const uint8_t*>(bytes.data() + kMessagePrefix);
  flatbuffers::Verifier verifier(start, bytes.size() - kMessagePrefix);
  EXPECT_TRUE(verifier.VerifyBuffer<flatbuf::Message>(nullptr));
  return *flatbuffers::GetRoot<flatbuf::Message>(start);
}

TEST(SchemaMessage, EndsAtAMultipleOf64OfTheFile) {
  for (size_t length = 0; length < 80; ++length) {
    const Bytes bytes = schema_message({kField}, {{"key", std::string(length, 'v')}});
    EXPECT_EQ((kFileHead.size() + bytes.size()) % kBodyAlignment, 0U);
    EXPECT_NE(message_in(bytes).header_as_Schema(), nullptr);
  }
}

TEST(BatchMessage, EndsAtAMultipleOf64AndSaysWhereTheRowsLie) {
  BatchLayout batch = profile_batch(kColumns, 20, std::vector<uint64_t>{0}, 0);
  batch.xxh3 = 0xABC;
  for (const uint64_t offset : {64, 8, 16, 72}) {
    const Bytes bytes = batch_message(kColumns, batch, offset);
    EXPECT_EQ((offset + bytes.size()) % kBodyAlignment, 0U);
    const flatbuf::Message& message = message_in(bytes);
    EXPECT_EQ(message.body_length(), 128);
    EXPECT_EQ(text_of(value_of(message.custom_metadata(), kBodyHashKey, "")), hash_digits(0xABC));
    const flatbuf::RecordBatch& record = *message.header_as_RecordBatch();
    EXPECT_EQ(record.length(), 20);
    ASSERT_EQ(record.buffers()->size(), 2U);
    EXPECT_EQ(record.buffers()->Get(0)->length(), 0);
    EXPECT_EQ(record.buffers()->Get(1)->offset(), 0);
    EXPECT_EQ(record.buffers()->Get(1)->length(), 80);
    EXPECT_EQ(record.nodes()->Get(0)->length(), 20);
    EXPECT_EQ(record.nodes()->Get(0)->null_count(), 0);
  }
}

TEST(BatchMessage, SaysHowItsBodyIsCompressed) {
  const BatchLayout batch = profile_batch(kColumns, 20, std::vector<uint64_t>{0}, 0);
  const Bytes plain = batch_message(kColumns, batch, 64);
  EXPECT_EQ(message_in(plain).header_as_RecordBatch()->compression(), nullptr);
  const Bytes stored = batch_message(kColumns, batch, 64, ShardEncoding::kZstd);
  const flatbuf::BodyCompression* compression =
      message_in(stored).header_as_RecordBatch()->compression();
  ASSERT_NE(compression, nullptr);
  EXPECT_EQ(compression->codec(), flatbuf::CompressionType::ZSTD);
  EXPECT_EQ(compression->method(), flatbuf::BodyCompressionMethod::BUFFER);
}

TEST(BatchMessage, LetsALargeBodyStartOnAPage) {
  const uint64_t rows = kLargeBody / 4;
  for (const uint64_t offset : {64, 8, 4096, 4032, 100'032}) {
    const Bytes large =
        batch_message(kColumns, profile_batch(kColumns, rows, std::vector<uint64_t>{0}, 0), offset);
    EXPECT_EQ((offset + large.size()) % kLargeBodyAlignment, 0U);
    EXPECT_LE(large.size(), kLargeBodyAlignment + 320);
    EXPECT_EQ(message_in(large).body_length(), kLargeBody);
    const Bytes small = batch_message(
        kColumns, profile_batch(kColumns, rows - 16, std::vector<uint64_t>{0}, 0), offset);
    EXPECT_LE(small.size(), 384U);
  }
}

TEST(FileFooter, CarriesTheHashOfAllMetadataWithZerosInItsPlace) {
  const Bytes message = schema_message({kField}, {});
  Hasher hasher;
  hasher.update(message);
  const std::vector<MessagePlace> places = {{64, 256, 128}};
  Bytes bytes = file_footer({kField}, {}, 20, places, hasher);
  const uint64_t size = bytes.size() - kFileTail;
  EXPECT_EQ(at<uint32_t>(bytes, size), size);
  EXPECT_EQ(std::memcmp(bytes.data() + size + 4, "ARROW1", 6), 0);

  const auto* footer = flatbuffers::GetRoot<flatbuf::Footer>(bytes.data());
  EXPECT_EQ(footer->record_batches()->Get(0)->metadata_length(), 256);
  EXPECT_EQ(text_of(value_of(footer->custom_metadata(), kProfileKey, "")), "1");
  EXPECT_EQ(text_of(value_of(footer->custom_metadata(), kRowsPerBatchKey, "")), "20");
  const std::string_view digits =
      text_of(value_of(footer->custom_metadata(), kMetadataHashKey, ""));
  const std::string carried(digits);
  std::memset(const_cast<char*>(digits.data()), '0', digits.size());
  Hasher again;
  again.update(message);
  again.update(std::span(bytes).first(size));
  EXPECT_EQ(hash_digits(again.digest()), carried);
}

}  // namespace
}  // namespace headrace
