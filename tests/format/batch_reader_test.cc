#include "format/batch_reader.h"

#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/hash_digits.h"
#include "format/arrow_metadata.h"
#include "format/ipc_messages.h"
#include "testing/errors.h"

namespace headrace {
namespace {

using flatbuf::MetadataVersion;

constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();

// A record batch message in numbers. As made: 10 rows of a scalar int32 and of a ragged int16 with
// 7 elements, as our profile lays them out.
struct Message {
  MetadataVersion version = MetadataVersion::V5;
  bool is_batch = true;
  int64_t length = 10;
  int64_t body_length = 64 + 128 + 64;
  std::vector<std::pair<int64_t, int64_t>> nodes = {{10, 0}, {10, 0}, {7, 0}};  // length, nulls
  // offset, bytes: x; r: validity, offsets; validity, values.
  std::vector<std::pair<int64_t, int64_t>> buffers = {{0, 0},   {0, 40},  {64, 0},
                                                      {64, 88}, {192, 0}, {192, 14}};
  std::vector<int64_t> variadic = {};
  bool compressed = false;
  flatbuf::CompressionType codec = flatbuf::CompressionType::LZ4_FRAME;
  Metadata metadata = {};
};

flatbuffers::FlatBufferBuilder built(const Message& message) {
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuf::FieldNode> nodes;
  for (const auto& [length, nulls] : message.nodes) {
    nodes.emplace_back(length, nulls);
  }
  std::vector<flatbuf::Buffer> buffers;
  for (const auto& [offset, bytes] : message.buffers) {
    buffers.emplace_back(offset, bytes);
  }
  const auto compression = message.compressed
                               ? flatbuf::CreateBodyCompression(builder, message.codec)
                               : flatbuffers::Offset<flatbuf::BodyCompression>(0);
  const auto record = flatbuf::CreateRecordBatchDirect(builder, message.length, &nodes, &buffers,
                                                       compression, &message.variadic);
  const auto metadata = build_metadata(builder, message.metadata);
  const auto header = message.is_batch ? record.Union() : flatbuf::CreateTensor(builder).Union();
  builder.Finish(flatbuf::CreateMessage(
      builder, message.version,
      message.is_batch ? flatbuf::MessageHeader::RecordBatch : flatbuf::MessageHeader::Tensor,
      header, message.body_length, metadata));
  return builder;
}

const std::vector<ColumnLayout> kColumns = {
    profile_column({.name = "x", .dtype = DType::kInt32}),
    profile_column({.name = "r", .dtype = DType::kInt16, .kind = ColumnKind::kRagged})};
const Place kBody{1024, 64 + 128 + 64};
const std::string kPath = "f.arrow";

BatchLayout read(const Message& message, bool profile = false) {
  const auto builder = built(message);
  BatchReader reader(kColumns, profile, kPath);
  BatchLayout batch =
      reader.read(*flatbuffers::GetRoot<flatbuf::Message>(builder.GetBufferPointer()), kBody);
  reader.check_nulls();
  return batch;
}

Message changed(const std::function<void(Message&)>& change) {
  Message message;
  change(message);
  return message;
}

Message with_hash(Message message = {}) {
  message.metadata = {{std::string(kBodyHashKey), hash_digits(7)}};
  return message;
}

void expect_corrupt(std::initializer_list<std::string_view> words, const Message& message) {
  expect_error(ErrorCode::kCorrupt, words, [&] { read(message); });
}

TEST(BatchReader, GivesThePlacesOfEveryColumn) {
  const BatchLayout batch = read({});
  EXPECT_EQ(batch.rows, 10U);
  EXPECT_EQ(batch.body, kBody);
  EXPECT_EQ(batch.columns[0].values, (Place{1024, 40}));
  EXPECT_EQ(batch.columns[1].offsets, (Place{1088, 88}));
  EXPECT_EQ(batch.columns[1].values, (Place{1216, 14}));
  EXPECT_EQ(batch.columns[1].elements, 7U);
  EXPECT_FALSE(batch.xxh3);
  const BatchLayout ours = read(with_hash(), true);
  EXPECT_EQ(ours.xxh3, 7U);
  EXPECT_EQ(ours.columns, batch.columns);
}

TEST(BatchReader, TakesMoreThanTheRowsNeedFromOthersOnly) {
  const Message longer = changed([](Message& m) {
    m.nodes[2].first = 9;      // elements behind the last row
    m.buffers[5] = {200, 24};  // at a multiple of 8, with slack
    m.buffers[0] = {56, 2};    // a validity buffer without nulls
  });
  EXPECT_EQ(read(longer).columns[1].elements, 9U);
  expect_error(ErrorCode::kCorrupt, {"validity"}, [&] { read(with_hash(longer), true); });
  const auto not_ours = [](const std::function<void(Message&)>& change) {
    expect_error(ErrorCode::kCorrupt, {"not laid out as shards are"},
                 [&] { read(with_hash(changed(change)), true); });
  };
  not_ours([](Message& m) { m.buffers[5] = {200, 14}; });
  not_ours([](Message& m) { m.buffers[5] = {192, 16}; });
  not_ours([](Message& m) { m.buffers[1] = {0, 48}; });
}

TEST(BatchReader, RefusesNumbersThatDoNotFitRowsAndTypes) {
  for (const int64_t rows : {int64_t{11}, int64_t{9}, kHuge}) {
    expect_corrupt({"column x", "rows"}, changed([&](Message& m) { m.length = rows; }));
  }
  expect_corrupt({"negative"}, changed([](Message& m) { m.length = -1; }));
  for (const int64_t length : {int64_t{-1}, kHuge, std::numeric_limits<int64_t>::min()}) {
    for (size_t node = 0; node < 3; ++node) {
      expect_corrupt({"column"}, changed([&](Message& m) { m.nodes[node].first = length; }));
    }
    for (size_t buffer = 0; buffer < 6; ++buffer) {
      expect_corrupt({"column"}, changed([&](Message& m) { m.buffers[buffer].first = length; }));
      expect_corrupt({"column"}, changed([&](Message& m) { m.buffers[buffer].second = length; }));
    }
  }
  expect_corrupt({"column x", "39 bytes", "need 40"},
                 changed([](Message& m) { m.buffers[1].second = 39; }));
  expect_corrupt({"column r", "need 88"}, changed([](Message& m) { m.buffers[3].second = 87; }));
  expect_corrupt({"column r", "need 16"}, changed([](Message& m) { m.nodes[2].first = 8; }));
  expect_corrupt({"multiple of 8"}, changed([](Message& m) { m.buffers[1].first = 4; }));
  expect_corrupt({"of a body of 256"}, changed([](Message& m) { m.buffers[5].first = 248; }));
  // With all numbers as large as they go, products must not wrap.
  expect_corrupt({"column x"}, changed([](Message& m) {
                   m.length = kHuge;
                   m.nodes = {{kHuge, 0}, {kHuge, 0}, {kHuge, 0}};
                 }));
}

TEST(BatchReader, RefusesShardsWithMoreElementsThanReadersCount) {
  // One row of 2^31 bytes, in a body that a sparse file could have.
  const std::vector<ColumnLayout> columns = {
      profile_column({.name = "b", .kind = ColumnKind::kBytes})};
  const auto batch_of_bytes = [&](int64_t bytes) {
    const Place body{1024, 64 + aligned_body_size(static_cast<uint64_t>(bytes))};
    Message message = with_hash();
    message.length = 1;
    message.body_length = static_cast<int64_t>(body.bytes);
    message.nodes = {{1, 0}};
    message.buffers = {{0, 0}, {0, 16}, {64, bytes}};
    const auto builder = built(message);
    BatchReader reader(columns, true, kPath);
    return reader.read(*flatbuffers::GetRoot<flatbuf::Message>(builder.GetBufferPointer()), body);
  };
  EXPECT_EQ(batch_of_bytes((int64_t{1} << 31) - 1).columns[0].elements, (uint64_t{1} << 31) - 1);
  expect_error(ErrorCode::kCorrupt, {"not laid out as shards are"},
               [&] { batch_of_bytes(int64_t{1} << 31); });
}

TEST(BatchReader, RefusesMessagesOfAnotherForm) {
  expect_corrupt({"2 arrays", "needs 3"}, changed([](Message& m) { m.nodes.pop_back(); }));
  expect_corrupt({"7 buffers"}, changed([](Message& m) { m.buffers.push_back({0, 0}); }));
  expect_corrupt({"no record batch"}, changed([](Message& m) { m.is_batch = false; }));
  expect_corrupt({"256 bytes by the footer", "255"},
                 changed([](Message& m) { m.body_length = 255; }));
  expect_corrupt({"variadic"}, changed([](Message& m) { m.variadic = {1}; }));
  const auto unsupported = [](std::string_view what, const Message& message) {
    expect_error(ErrorCode::kUnsupported, {what, "headrace convert"}, [&] { read(message); });
  };
  unsupported("compressed", changed([](Message& m) { m.compressed = true; }));
  unsupported("version", changed([](Message& m) { m.version = MetadataVersion::V3; }));
  EXPECT_EQ(read(changed([](Message& m) { m.version = MetadataVersion::V4; })).rows, 10U);
}

// As made: compressed, in stored buffers of 30, 40 and 20 bytes.
Message stored(const std::function<void(Message&)>& change = [](Message&) {}) {
  Message message;
  message.buffers = {{0, 0}, {0, 30}, {64, 0}, {64, 40}, {128, 0}, {128, 20}};
  message.body_length = 192;
  message.compressed = true;
  message.codec = flatbuf::CompressionType::ZSTD;
  message.metadata = {{std::string(kBodyHashKey), hash_digits(1)}};
  change(message);
  return message;
}

BatchLayout read_stored(const Message& message) {
  const auto builder = built(message);
  BatchReader reader(kColumns, true, kPath, ShardEncoding::kZstd);
  return reader.read(*flatbuffers::GetRoot<flatbuf::Message>(builder.GetBufferPointer()),
                     {1024, static_cast<uint64_t>(message.body_length)});
}

TEST(BatchReader, GivesThePlacesOfWhatIsStoredCompressed) {
  const BatchLayout batch = read_stored(stored());
  EXPECT_EQ(batch.rows, 10U);
  EXPECT_EQ(batch.columns[0].values, (Place{1024, 30}));
  EXPECT_EQ(batch.columns[1].offsets, (Place{1088, 40}));
  EXPECT_EQ(batch.columns[1].values, (Place{1152, 20}));
  EXPECT_EQ(batch.columns[1].elements, 7U);
}

TEST(BatchReader, HoldsCompressedBatchesToTheirLayoutAndCodec) {
  const auto refused = [](std::string_view what, const std::function<void(Message&)>& change) {
    expect_error(ErrorCode::kCorrupt, {what}, [&] { read_stored(stored(change)); });
  };
  const std::string_view layout = "not laid out as compressed shards are";
  refused(layout, [](Message& m) { m.buffers[3].first = 128; });
  refused(layout, [](Message& m) { m.buffers[5].second = 8; });
  refused(layout, [](Message& m) { m.body_length = 256; });
  refused(layout, [](Message& m) { m.buffers[1].second = 65; });
  refused(layout, [](Message& m) {
    m.length = 0;
    m.nodes = {{0, 0}, {0, 0}, {7, 0}};
  });
  refused("not compressed by zstd", [](Message& m) { m.compressed = false; });
  refused("not compressed by zstd",
          [](Message& m) { m.codec = flatbuf::CompressionType::LZ4_FRAME; });
  refused("validity", [](Message& m) { m.buffers[2].second = 8; });
}

TEST(BatchReader, SaysWhatToDoWithCompressedShards) {
  const auto builder = built(stored());
  BatchReader reader(kColumns, true, kPath);
  expect_error(ErrorCode::kUnsupported, {"compressed", "headrace expand"}, [&] {
    reader.read(*flatbuffers::GetRoot<flatbuf::Message>(builder.GetBufferPointer()), {1024, 192});
  });
}

TEST(BatchReader, CountsTheNullsOfAColumnOverAllBatches) {
  const auto first = built(changed([](Message& m) { m.nodes[2].second = 2; }));
  const auto second = built(changed([](Message& m) { m.nodes[1].second = 1; }));
  BatchReader reader(kColumns, false, kPath);
  reader.read(*flatbuffers::GetRoot<flatbuf::Message>(first.GetBufferPointer()), kBody);
  reader.read(*flatbuffers::GetRoot<flatbuf::Message>(second.GetBufferPointer()), kBody);
  expect_error(ErrorCode::kUnsupported,
               {"column r has 3 null values", "fill={\"r\": value}", "headrace convert"},
               [&] { reader.check_nulls(); });
  expect_corrupt({"11 nulls"}, changed([](Message& m) { m.nodes[0].second = 11; }));
  expect_corrupt({"-1 nulls"}, changed([](Message& m) { m.nodes[0].second = -1; }));
}

TEST(BatchReader, WantsAHashOfShardsAndOfShardsOnly) {
  expect_error(ErrorCode::kCorrupt, {"no readable hash"}, [] { read({}, true); });
  Message unreadable;
  unreadable.metadata = {{std::string(kBodyHashKey), "XYZ"}};
  expect_error(ErrorCode::kCorrupt, {"no readable hash"}, [&] { read(unreadable, true); });
  expect_corrupt({"a hash that only shards have"}, with_hash());
}

}  // namespace
}  // namespace headrace
