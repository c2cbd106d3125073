#include "dataset/verify.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "format/shard_layout.h"
#include "testing/read_calls.h"
#include "testing/shards.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

using Bytes = std::vector<std::byte>;

constexpr uint64_t kRows = 23;
constexpr uint64_t kBatchRows = 5;

const Poll kNoPoll = [] {};

std::vector<ShardColumn> all_columns(uint32_t seed = 1) {
  std::vector<ShardColumn> columns;
  for (const Field& field : one_field_of_each_kind()) {
    columns.push_back(make_column(field, kRows, seed));
  }
  return columns;
}

// A shard in memory and what a manifest would say of it.
struct TestShard {
  Bytes bytes;
  CommittedShard committed;
};

TestShard make_shard(const std::vector<ShardColumn>& columns) {
  MemorySink sink;
  const ShardSummary summary = write_shard(sink, columns, kBatchRows);
  return {sink.bytes(),
          {.schema = schema_of(columns),
           .rows = summary.rows,
           .batch_rows = kBatchRows,
           .stored_bytes = summary.bytes,
           .stored_xxh3 = summary.xxh3}};
}

ShardVerdict verify(const Bytes& bytes, const CommittedShard* committed = nullptr) {
  const TempDir dir;
  return verify_shard(dir.write("a.arrow", bytes), committed, kNoPoll);
}

ShardLayout layout_of(const Bytes& bytes) {
  const TempDir dir;
  return read_shard_layout(File(dir.write("a.arrow", bytes)));
}

std::string all_findings(const ShardVerdict& verdict) {
  std::string text;
  for (const ShardFinding& finding : verdict.findings) {
    text += finding.column + ": " + finding.what + "\n";
  }
  return text;
}

TEST(VerifyShard, FindsNothingInAGoodShard) {
  const TestShard shard = make_shard(all_columns());
  for (const CommittedShard* committed :
       {&shard.committed, static_cast<const CommittedShard*>(nullptr)}) {
    const ShardVerdict verdict = verify(shard.bytes, committed);
    EXPECT_EQ(all_findings(verdict), "");
    EXPECT_EQ(verdict.rows, kRows);
    EXPECT_EQ(verdict.batches, 5U);
    EXPECT_EQ(verdict.bytes, shard.bytes.size());
    EXPECT_EQ(verdict.rows_lost, 0U);
    EXPECT_TRUE(verdict.hashed);
  }
}

TEST(VerifyShard, NamesTheBatchesThatAreDamagedAndTheRowsLost) {
  TestShard shard = make_shard(all_columns());
  const ShardLayout layout = layout_of(shard.bytes);
  for (const size_t batch : {1U, 4U}) {
    shard.bytes[layout.batches[batch].body.offset + 3] ^= std::byte{1};
  }
  const ShardVerdict verdict = verify(shard.bytes, &shard.committed);
  ASSERT_EQ(verdict.findings.size(), 2U);
  EXPECT_EQ(verdict.findings[0].batch, 1U);
  EXPECT_EQ(verdict.findings[0].first_row, 5U);
  EXPECT_EQ(verdict.findings[0].rows, 5U);
  EXPECT_EQ(verdict.findings[1].batch, 4U);
  EXPECT_EQ(verdict.findings[1].first_row, 20U);
  EXPECT_EQ(verdict.findings[1].rows, 3U);
  EXPECT_EQ(verdict.rows_lost, 8U);
}

TEST(VerifyShard, FindsEveryFlippedBit) {
  const TestShard shard = make_shard(all_columns());
  const TempDir dir;
  const std::string path = dir.write("a.arrow", shard.bytes);
  // In place: ext4 writes a file that was truncated and written again to the disk at once.
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  const auto put = [&file](size_t offset, std::byte byte) {
    file.seekp(static_cast<std::streamoff>(offset)).put(std::to_integer<char>(byte)).flush();
  };
  // A prime step meets every bit of a byte and every place of a word.
  for (size_t bit = 0; bit < shard.bytes.size() * 8; bit += 37) {
    put(bit / 8, shard.bytes[bit / 8] ^ std::byte{1} << (bit % 8));
    const ShardVerdict verdict = verify_shard(path, &shard.committed, kNoPoll);
    ASSERT_FALSE(verdict.findings.empty()) << "bit " << bit;
    ASSERT_GT(verdict.rows_lost, 0U) << "bit " << bit;
    ASSERT_LE(verdict.rows_lost, kRows) << "bit " << bit;
    put(bit / 8, shard.bytes[bit / 8]);
  }
  ASSERT_TRUE(verify_shard(path, &shard.committed, kNoPoll).findings.empty());
}

TEST(VerifyShard, FindsEveryTruncation) {
  const TestShard shard = make_shard(all_columns());
  const TempDir dir;
  const std::string path = dir.write("a.arrow", shard.bytes);
  for (size_t cut = 1; cut <= shard.bytes.size(); cut += 13) {
    std::filesystem::resize_file(path, shard.bytes.size() - cut);
    EXPECT_EQ(verify_shard(path, &shard.committed, kNoPoll).rows_lost, kRows);
    EXPECT_FALSE(verify_shard(path, nullptr, kNoPoll).findings.empty()) << cut;
  }
}

TEST(VerifyShard, FindsAGoodShardInThePlaceOfAnother) {
  const std::vector<ShardColumn> columns = {make_column(one_field_of_each_kind()[0], kRows)};
  const TestShard shard = make_shard(columns);
  const TestShard other = make_shard({make_column(columns[0].field, kRows, 2)});
  ASSERT_EQ(shard.bytes.size(), other.bytes.size());
  const ShardVerdict verdict = verify(other.bytes, &shard.committed);
  EXPECT_NE(all_findings(verdict).find("another file than the one that was committed"),
            std::string::npos);
  EXPECT_EQ(verdict.rows_lost, kRows);
}

TEST(VerifyShard, ReadsEveryByteOnce) {
  const TempDir dir;
  const TestShard shard =
      make_shard({make_column({.name = "x", .dtype = DType::kInt64, .row_shape = {65536}}, kRows)});
  const std::string path = dir.write("a.arrow", shard.bytes);
  const uint64_t read = bytes_read_by(
      [&] { EXPECT_EQ(all_findings(verify_shard(path, &shard.committed, kNoPoll)), ""); });
  EXPECT_GE(read, shard.bytes.size());
  EXPECT_LT(read, shard.bytes.size() + shard.bytes.size() / 10);
}

TEST(VerifyShard, ComparesRowsAndColumnsWithTheManifest) {
  const TestShard shard = make_shard(all_columns());
  CommittedShard more_rows = shard.committed;
  ++more_rows.rows;
  EXPECT_EQ(verify(shard.bytes, &more_rows).rows_lost, kRows);
  CommittedShard longer_batches = shard.committed;
  ++longer_batches.batch_rows;
  EXPECT_EQ(verify(shard.bytes, &longer_batches).findings.size(), 1U);
  CommittedShard renamed = shard.committed;
  renamed.schema[2].name = "other";
  EXPECT_NE(all_findings(verify(shard.bytes, &renamed)).find("other: "), std::string::npos);
  CommittedShard fewer = shard.committed;
  fewer.schema.pop_back();
  EXPECT_NE(all_findings(verify(shard.bytes, &fewer)).find("column 7 is "), std::string::npos);
  CommittedShard wider = shard.committed;
  wider.schema[6].width = 301;
  EXPECT_EQ(all_findings(verify(shard.bytes, &wider)), "");
  CommittedShard narrower = shard.committed;
  narrower.schema[6].width = 299;
  EXPECT_EQ(verify(shard.bytes, &narrower).findings.size(), 1U);
}

TEST(VerifyShard, OfAFileThatIsNotThereAllRowsAreLost) {
  const TestShard shard = make_shard(all_columns());
  const ShardVerdict verdict = verify_shard("/nowhere/a.arrow", &shard.committed, kNoPoll);
  ASSERT_EQ(verdict.findings.size(), 1U);
  EXPECT_EQ(verdict.findings[0].code, ErrorCode::kNotFound);
  EXPECT_EQ(verdict.rows_lost, kRows);
}

TEST(VerifyShard, FollowsNoLinkToACommittedShard) {
  const TestShard shard = make_shard(all_columns());
  const TempDir dir;
  std::filesystem::create_symlink(dir.write("a.arrow", shard.bytes), dir.path("b.arrow"));
  EXPECT_EQ(verify_shard(dir.path("b.arrow"), &shard.committed, kNoPoll).rows_lost, kRows);
  EXPECT_TRUE(verify_shard(dir.path("b.arrow"), nullptr, kNoPoll).findings.empty());
}

TEST(VerifyShard, IsStoppedByPoll) {
  const TestShard shard = make_shard(all_columns());
  const TempDir dir;
  const std::string path = dir.write("a.arrow", shard.bytes);
  EXPECT_THROW(verify_shard(path, nullptr, [] { throw 7; }), int);
}

// The same file as one of others: without our hashes, so that only the rows can tell.
Bytes without_hashes(Bytes bytes) {
  for (const std::string_view key :
       {"headrace.profile", "headrace.rows_per_batch", "headrace.xxh3", "headrace.meta_xxh3"}) {
    auto at = bytes.begin();
    const auto same = [](std::byte a, char b) { return std::to_integer<char>(a) == b; };
    while ((at = std::search(at, bytes.end(), key.begin(), key.end(), same)) != bytes.end()) {
      *at = std::byte{'H'};
      ++at;
    }
  }
  return bytes;
}

class RowsOfOthers : public testing::Test {
 protected:
  RowsOfOthers() : bytes_(without_hashes(make_shard(all_columns()).bytes)) {
    layout_ = layout_of(bytes_);
  }

  // Overwrites an element of a buffer of `column` in batch 1.
  template <typename T>
  void overwrite(size_t column, Place ColumnPlace::*buffer, size_t element, T value) {
    const Place place = layout_.batches[1].columns[column].*buffer;
    std::memcpy(bytes_.data() + place.offset + element * sizeof(T), &value, sizeof(T));
  }

  // Expects one finding, about that column, row 5 + `row` of the shard, and `rows` in all.
  void expect_finding(const std::string& column, uint64_t row, uint64_t rows) {
    const ShardVerdict verdict = verify(bytes_);
    EXPECT_FALSE(verdict.hashed);
    ASSERT_EQ(verdict.findings.size(), 1U) << all_findings(verdict);
    EXPECT_EQ(verdict.findings[0].column, column);
    EXPECT_EQ(verdict.findings[0].batch, 1U);
    EXPECT_EQ(verdict.findings[0].first_row, 5 + row);
    EXPECT_EQ(verdict.findings[0].rows, rows);
    EXPECT_EQ(verdict.rows_lost, rows);
  }

  Bytes bytes_;
  ShardLayout layout_;
};

TEST_F(RowsOfOthers, AreGoodAsTheyWereWritten) { EXPECT_EQ(all_findings(verify(bytes_)), ""); }

TEST_F(RowsOfOthers, HaveOffsetsInOrder) {
  overwrite<int64_t>(3, &ColumnPlace::offsets, 2, 1'000'000);
  expect_finding("ragged", 1, 2);  // the next row begins where this one should end
}

TEST_F(RowsOfOthers, AreUtf8) {
  int64_t begin = 0;
  const Place offsets = layout_.batches[1].columns[5].offsets;
  std::memcpy(&begin, bytes_.data() + offsets.offset, sizeof(begin));
  overwrite<uint8_t>(5, &ColumnPlace::values, static_cast<size_t>(begin), 0xFF);
  const ShardVerdict verdict = verify(bytes_);
  ASSERT_EQ(verdict.findings.size(), 1U) << all_findings(verdict);
  EXPECT_EQ(verdict.findings[0].column, "text");
  EXPECT_EQ(verdict.rows_lost, 1U);
}

TEST_F(RowsOfOthers, HaveIndicesBelowTheWidth) {
  overwrite<uint16_t>(7, &ColumnPlace::indices, 0, 300);
  const ShardVerdict verdict = verify(bytes_);
  ASSERT_EQ(verdict.findings.size(), 1U) << all_findings(verdict);
  EXPECT_EQ(verdict.findings[0].column, "binary_csr");
  EXPECT_NE(verdict.findings[0].what.find("300"), std::string::npos);
}

TEST_F(RowsOfOthers, AreCountedOnceThoughTwoColumnsAreWrong) {
  overwrite<int64_t>(3, &ColumnPlace::offsets, 2, 1'000'000);
  overwrite<int64_t>(4, &ColumnPlace::offsets, 2, -1);
  const ShardVerdict verdict = verify(bytes_);
  ASSERT_EQ(verdict.findings.size(), 2U) << all_findings(verdict);
  EXPECT_EQ(verdict.rows_lost, 2U);
}

}  // namespace
}  // namespace headrace
