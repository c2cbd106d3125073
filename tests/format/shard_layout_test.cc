#include "format/shard_layout.h"

#include <array>
#include <arrow_generated.h>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/golden_files.h"
#include "testing/shard_rows.h"
#include "testing/shards.h"

namespace headrace {
namespace {

using Bytes = std::vector<std::byte>;

TEST(ShardLayout, ShowsWhatWasWrittenForEveryKindAndDtype) {
  for (Field field : one_field_of_each_kind()) {
    for (size_t d = 0; d < kDTypeCount; ++d) {
      const bool fixed =
          field.kind == ColumnKind::kBytes || field.kind == ColumnKind::kText || field.binary;
      field.dtype = fixed ? DType::kUint8 : static_cast<DType>(d);
      const std::vector<ShardColumn> columns = {make_column(field, 23)};
      const Bytes bytes = shard_bytes(columns, 5);
      expect_rows(read_bytes(bytes), bytes, columns);
    }
  }
}

TEST(ShardLayout, ShowsManyColumnsAndMetadata) {
  std::vector<ShardColumn> columns;
  for (const Field& field : one_field_of_each_kind()) {
    columns.push_back(make_column(field, 100, static_cast<uint32_t>(columns.size())));
  }
  const Metadata metadata = {{"user", "x"}, {"empty", ""}, {"text", "\xC3\xA4\xE2\x82\xAC"}};
  const Bytes bytes = shard_bytes(columns, 32, metadata);
  const ShardLayout layout = read_bytes(bytes, LayoutRules::kProfileOnly);
  expect_rows(layout, bytes, columns);
  EXPECT_EQ(layout.metadata, metadata);
  EXPECT_TRUE(layout.profile);
  EXPECT_EQ(layout.rows_per_batch, 32U);
  EXPECT_EQ(layout.batches.size(), 4U);
  EXPECT_EQ(layout.file_bytes, bytes.size());
  EXPECT_EQ(schema_of(layout), schema_of(columns));
}

TEST(ShardLayout, OfAShardWithoutRowsHasNone) {
  const Bytes bytes = shard_bytes({make_column({.name = "x"}, 0)}, 7);
  const ShardLayout layout = read_bytes(bytes);
  EXPECT_EQ(layout.rows, 0U);
  EXPECT_TRUE(layout.batches.empty());
  EXPECT_EQ(layout.rows_per_batch, 7U);
}

TEST(ShardLayout, SaysWhatAFileIsThatIsNoArrowFile) {
  const auto read = [](std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    return [file = Bytes(bytes.begin(), bytes.end())] { read_bytes(file); };
  };
  const std::string_view stream("\xFF\xFF\xFF\xFF\x10\0\0\0", 8);
  expect_error(ErrorCode::kUnsupported, {"stream", "headrace convert"}, read(stream));
  expect_error(ErrorCode::kUnsupported, {"Parquet"}, read("PAR1 and so on"));
  expect_error(ErrorCode::kUnsupported, {"version 1"}, read("FEA1 and so on"));
  expect_error(ErrorCode::kCorrupt, {"does not start with ARROW1"}, read("1,2,3\n4,5,6\n"));
  expect_error(ErrorCode::kCorrupt, {"a.arrow", "does not start"}, read(""));
  expect_error(ErrorCode::kCorrupt, {"8 bytes"}, read(std::string_view("ARROW1\0\0", 8)));
  expect_error(ErrorCode::kCorrupt, {"does not end with ARROW1"},
               read("ARROW1 and then something else"));
}

// A file of pyarrow, with `change` made to its footer.
Bytes with_footer(const std::function<void(flatbuf::Footer&)>& change) {
  Bytes bytes = GoldenFile("foreign/pyarrow.arrow").bytes();
  int32_t length = 0;
  std::memcpy(&length, bytes.data() + bytes.size() - 10, sizeof(length));
  std::byte* footer = bytes.data() + bytes.size() - 10 - length;
  change(*flatbuffers::GetMutableRoot<flatbuf::Footer>(footer));
  return bytes;
}

flatbuf::Block& block_of(flatbuf::Footer& footer, uint32_t i) {
  return const_cast<flatbuf::Block&>(*footer.record_batches()->Get(i));
}

TEST(ShardLayout, RefusesBatchesThatLieTwiceInTheirFile) {
  // Otherwise a small file could claim any number of rows, and take memory for each batch.
  const Bytes twice =
      with_footer([](flatbuf::Footer& footer) { block_of(footer, 1) = block_of(footer, 0); });
  expect_error(ErrorCode::kCorrupt, {"what stands before it ends at"}, [&] { read_bytes(twice); });
  const Bytes swapped = with_footer(
      [](flatbuf::Footer& footer) { std::swap(block_of(footer, 0), block_of(footer, 1)); });
  expect_error(ErrorCode::kCorrupt, {"what stands before it ends at"},
               [&] { read_bytes(swapped); });
}

TEST(ShardLayout, RefusesBlocksOfAnySizeThatDoNotLieInTheFile) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  const std::array<int64_t, 8> numbers = {0,     -1,         int64_t{1} << 31, int64_t{1} << 32,
                                          kMost, kMost - 63, int64_t{1} << 62, INT64_MIN};
  for (const int64_t offset : numbers) {
    for (const int64_t body : numbers) {
      for (const int32_t metadata : {0, -1, 8, 1 << 30, INT32_MAX, INT32_MIN}) {
        const Bytes bytes = with_footer([&](flatbuf::Footer& footer) {
          block_of(footer, 0) = flatbuf::Block(offset, metadata, body);
        });
        expect_error(ErrorCode::kCorrupt, {"a.arrow"}, [&] { read_bytes(bytes); });
      }
    }
    // One wrong number among right ones.
    expect_error(ErrorCode::kCorrupt, {"a.arrow"}, [&] {
      read_bytes(with_footer([&](flatbuf::Footer& footer) {
        const flatbuf::Block& right = block_of(footer, 0);
        block_of(footer, 0) = flatbuf::Block(right.offset(), right.metadata_length(), offset);
      }));
    });
  }
}

TEST(DamagedBodyError, NamesTheRowsThatAreLost) {
  const ShardLayout layout = read_bytes(shard_bytes({make_column({.name = "x"}, 10)}, 4));
  const Error error =
      expect_error(ErrorCode::kCorrupt, {"s.arrow", "rows 8 to 9", "record batch 2"},
                   [&] { throw damaged_body_error("s.arrow", layout, 2); });
  EXPECT_EQ(error.context().row, 8U);
}

}  // namespace
}  // namespace headrace
