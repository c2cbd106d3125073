#include "format/shard_writer.h"

#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "testing/errors.h"
#include "testing/shards.h"

namespace headrace {
namespace {

const Field kNumber{.name = "x", .dtype = DType::kInt32};
const Field kList{.name = "r", .dtype = DType::kInt16, .kind = ColumnKind::kRagged};

TEST(ShardWriter, SummarisesTheFileThatItWrote) {
  const std::vector<ShardColumn> columns = {make_column(kNumber, 10)};
  MemorySink sink;
  const ShardSummary summary = write_shard(sink, columns, 4);
  const uint64_t bytes = sink.bytes().size();
  EXPECT_EQ(summary, (ShardSummary{10, bytes, hash_bytes(sink.bytes()), bytes}));
}

TEST(ShardWriter, CountsRowsAndBytesAsItGoes) {
  const ShardColumn column = make_column(kNumber, 8);
  MemorySink sink;
  ShardWriter writer({kNumber}, 4, sink);
  const uint64_t head = writer.bytes();
  EXPECT_EQ(head % 64, 0U);
  writer.write_batch(std::vector{column.view(0, 4)});
  EXPECT_EQ(writer.rows(), 4U);
  EXPECT_EQ((writer.bytes() - head) % 64, 0U);
  EXPECT_GT(writer.bytes(), head + 64);
}

TEST(ShardWriter, SaysWhatACompressedShardExpandsTo) {
  for (const uint64_t rows : {uint64_t{0}, uint64_t{1}, uint64_t{10}, uint64_t{40'000}}) {
    const std::vector<ShardColumn> columns = {make_column(kNumber, rows), make_column(kList, rows),
                                              blobs("b", rows, 100)};
    MemorySink sink;
    const ShardSummary summary =
        write_shard(sink, columns, 16'384, {{"k", "v"}}, ShardEncoding::kZstd);
    EXPECT_EQ(summary.bytes, sink.bytes().size());
    EXPECT_EQ(summary.xxh3, hash_bytes(sink.bytes()));
    EXPECT_EQ(summary.expanded_bytes, shard_bytes(columns, 16'384, {{"k", "v"}}).size());
    if (rows > 10) {
      EXPECT_LT(summary.bytes, summary.expanded_bytes / 2);
    }
  }
}

TEST(ShardWriter, TheSameRowsAreTheSameBytes) {
  const std::vector<ShardColumn> columns = {make_column(kNumber, 10), make_column(kList, 10)};
  EXPECT_EQ(shard_bytes(columns, 3), shard_bytes(columns, 3));
}

TEST(ShardWriter, BringsOffsetsToZeroAndTo64Bits) {
  // Rows [1, 2] and [3, 4, 5], seen through 64-bit offsets from 0, from 1, and 32-bit ones.
  const std::vector<int16_t> values = {0, 1, 2, 3, 4, 5};
  const std::vector<int64_t> plain = {0, 2, 5};
  const std::vector<int64_t> moved = {1, 3, 6};
  const std::vector<int32_t> narrow = {1, 3, 6};
  const auto* data = reinterpret_cast<const std::byte*>(values.data());
  const auto written = [&](const auto& offsets, const std::byte* start, uint8_t offset_size) {
    MemorySink sink;
    ShardWriter writer({kList}, 4, sink);
    writer.write_batch(
        std::vector{ColumnView{.rows = 2,
                               .values = start,
                               .offsets = reinterpret_cast<const std::byte*>(offsets.data()),
                               .offset_size = offset_size,
                               .elements = 6}});
    writer.finish();
    return sink.bytes();
  };
  const std::vector<std::byte> expected = written(plain, data + sizeof(int16_t), 8);
  EXPECT_EQ(written(moved, data, 8), expected);
  EXPECT_EQ(written(narrow, data, 4), expected);
}

TEST(ShardWriter, PutsSmallPiecesTogetherAndWritesLargeOnesDirectly) {
  std::vector<ShardColumn> small;
  for (int i = 0; i < 50; ++i) {
    small.push_back(make_column({.name = "x" + std::to_string(i), .dtype = DType::kInt8}, 100));
  }
  MemorySink few;
  write_shard(few, small, 10);
  EXPECT_LT(few.writes(), 10U);
  const std::vector<ShardColumn> large = {make_column(kNumber, 1 << 20)};
  MemorySink direct;
  write_shard(direct, large, 1 << 20);
  // What is before, the rows in pieces that stay in the cache, what is behind.
  const uint64_t bytes = large[0].field.row_bytes() << 20;
  EXPECT_EQ(direct.writes(), 2 + bytes / (256 << 10));
}

TEST(ShardWriter, RefusesSchemasThatNoShardCanHave) {
  MemorySink sink;
  const auto make = [&sink](Schema schema, uint64_t rows, Metadata metadata = {}) {
    return [&sink, schema, rows, metadata] { ShardWriter(schema, rows, sink, metadata); };
  };
  expect_error(ErrorCode::kInvalid, {"at least one column"}, make({}, 4));
  expect_error(ErrorCode::kInvalid, {"two columns are called x"}, make({kNumber, kNumber}, 4));
  expect_error(ErrorCode::kInvalid, {"rows_per_batch"}, make({kNumber}, 0));
  expect_error(ErrorCode::kInvalid, {"two values for a"},
               make({kNumber}, 1, {{"a", "1"}, {"a", "2"}}));
  const Field wide{.name = "w", .dtype = DType::kInt8, .row_shape = {uint64_t{1} << 31}};
  expect_error(ErrorCode::kInvalid, {"column w", "2147483648"}, make({wide}, 1));
  const Field large{.name = "l", .dtype = DType::kInt8, .row_shape = {1 << 16, 1 << 15}};
  expect_error(ErrorCode::kInvalid, {"column l", "2147483648", "in each row"}, make({large}, 1));
  const Field csr{.name = "c", .kind = ColumnKind::kCsr};
  expect_error(ErrorCode::kInvalid, {"column c"}, make({csr}, 1));
  EXPECT_TRUE(sink.bytes().empty());
}

TEST(ShardWriter, RefusesBatchesThatAreNoneAndWritesNothingOfThem) {
  const ShardColumn numbers = make_column(kNumber, 10);
  const ShardColumn lists = make_column(kList, 10);
  MemorySink sink;
  ShardWriter writer({kNumber, kList}, 4, sink);
  const auto write = [&](std::vector<ColumnView> views) {
    return [&writer, views] { writer.write_batch(views); };
  };
  expect_error(ErrorCode::kInvalid, {"1 columns", "schema 2"}, write({numbers.view(0, 4)}));
  expect_error(ErrorCode::kInvalid, {"column r has 3 rows", "x has 4"},
               write({numbers.view(0, 4), lists.view(0, 3)}));
  expect_error(ErrorCode::kInvalid, {"0 rows", "1 to 4"},
               write({numbers.view(0, 0), lists.view(0, 0)}));
  expect_error(ErrorCode::kInvalid, {"5 rows", "1 to 4"},
               write({numbers.view(0, 5), lists.view(0, 5)}));
  const std::vector<int64_t> falling = {0, 2, 1, 1, 1};
  ColumnView bad = lists.view(0, 4);
  bad.offsets = reinterpret_cast<const std::byte*>(falling.data());
  const Error error =
      expect_error(ErrorCode::kInvalid, {"column r", "row 1"}, write({numbers.view(0, 4), bad}));
  EXPECT_EQ(error.context().column, "r");
  EXPECT_EQ(writer.rows(), 0U);

  writer.write_batch(std::vector{numbers.view(0, 4), lists.view(0, 4)});
  writer.write_batch(std::vector{numbers.view(4, 3), lists.view(4, 3)});
  expect_error(ErrorCode::kInvalid, {"was the last"},
               write({numbers.view(0, 4), lists.view(0, 4)}));
  EXPECT_EQ(writer.finish().rows, 7U);
  expect_error(ErrorCode::kInvalid, {"twice"}, [&] { writer.finish(); });
  expect_error(ErrorCode::kInvalid, {"finished"}, write({numbers.view(0, 4), lists.view(0, 4)}));
}

TEST(ShardWriter, LooksForFaultsUnlessTheCallerHas) {
  MemorySink sink;
  const Field text{.name = "t", .kind = ColumnKind::kText};
  ShardWriter writer({text}, 1, sink);
  const std::vector<int64_t> offsets = {0, 1};
  const auto bad = std::byte{0xFF};
  const std::vector rows = {
      ColumnView{.rows = 1,
                 .values = &bad,
                 .offsets = reinterpret_cast<const std::byte*>(offsets.data()),
                 .elements = 1}};
  expect_error(ErrorCode::kInvalid, {"column t, row 0", "UTF-8"},
               [&] { writer.write_batch(rows); });
  writer.write_batch(rows, ShardWriter::Rows::kChecked);
  EXPECT_EQ(writer.rows(), 1U);
}

TEST(ShardWriter, RefusesMoreElementsThanReadersCount) {
  MemorySink sink;
  ShardWriter writer({{.name = "b", .kind = ColumnKind::kBytes}}, 1, sink);
  const std::vector<int64_t> offsets = {0, int64_t{1} << 31};
  const ColumnView huge{.rows = 1,
                        .values = nullptr,
                        .offsets = reinterpret_cast<const std::byte*>(offsets.data()),
                        .elements = uint64_t{1} << 31};
  expect_error(ErrorCode::kInvalid, {"column b", "2147483648", "fewer rows"},
               [&] { writer.write_batch(std::vector{huge}); });
}

}  // namespace
}  // namespace headrace
