#include "format/manifest.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "format/shard_layout.h"
#include "format/shard_writer.h"
#include "storage/file.h"
#include "testing/errors.h"
#include "testing/memory_sink.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

constexpr uint64_t kLargest = std::numeric_limits<int64_t>::max();

// `count` shards with between none and three origins.
std::vector<ShardEntry> make_entries(uint64_t count, uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  std::vector<ShardEntry> entries;
  for (uint64_t i = 0; i < count; ++i) {
    entries.push_back({.id = uuid_text(make_uuid()),
                       .rows = 1 + random() % 1000,
                       .batch_rows = 1 + random() % 100,
                       .bytes = 1 + random() % 100'000,
                       .stored_bytes = 1 + random() % 100'000,
                       .stored_xxh3 = random(),
                       .origins = std::vector<uint64_t>(i % 4, random())});
  }
  return entries;
}

ManifestHeader header_of(const std::vector<ShardEntry>& entries) {
  ManifestHeader header{.version = 1,
                        .dataset = make_uuid(),
                        .commit = make_uuid(),
                        .schema = {{.name = "x", .dtype = DType::kInt64}}};
  for (const ShardEntry& entry : entries) {
    header.rows += entry.rows;
  }
  header.shards = entries.size();
  return header;
}

std::vector<std::byte> manifest_bytes(const ManifestHeader& header,
                                      const std::vector<ShardEntry>& entries) {
  MemorySink sink;
  write_manifest(sink, header, entries);
  return sink.bytes();
}

std::vector<ShardEntry> entries_of(const ShardTable& shards) {
  std::vector<ShardEntry> entries;
  for (size_t i = 0; i < shards.size(); ++i) {
    entries.push_back(shards.entry(i));
  }
  return entries;
}

class ManifestTest : public testing::Test {
 protected:
  // Writes a manifest and reads it.
  Manifest round_trip(const ManifestHeader& header, const std::vector<ShardEntry>& entries,
                      ManifestParts parts = ManifestParts::kShardsAndOrigins) {
    return read_manifest(dir_.write("m", manifest_bytes(header, entries)), parts);
  }

  TempDir dir_;
};

TEST_F(ManifestTest, IsReadAsItWasWritten) {
  for (const uint64_t count : {0, 1, 2, 7, 1000}) {
    const std::vector<ShardEntry> entries = make_entries(count);
    const ManifestHeader header = header_of(entries);
    const Manifest manifest = round_trip(header, entries);
    EXPECT_EQ(manifest.header, header);
    EXPECT_EQ(entries_of(manifest.shards), entries);
    EXPECT_EQ(manifest.xxh3, hash_bytes(manifest_bytes(header, entries)));
  }
}

TEST_F(ManifestTest, HoldsTheLargestNumbers) {
  std::vector<ShardEntry> entries = make_entries(1);
  entries[0].rows = kLargest;
  entries[0].batch_rows = kLargest;
  entries[0].bytes = kLargest;
  entries[0].stored_bytes = kLargest;
  entries[0].stored_xxh3 = std::numeric_limits<uint64_t>::max();
  entries[0].origins = {0, std::numeric_limits<uint64_t>::max()};
  EXPECT_EQ(entries_of(round_trip(header_of(entries), entries).shards), entries);
}

TEST_F(ManifestTest, GivesOnlyWhatIsAskedFor) {
  const std::vector<ShardEntry> entries = make_entries(5);
  const Manifest header = round_trip(header_of(entries), entries, ManifestParts::kHeader);
  EXPECT_EQ(header.header.shards, 5U);
  EXPECT_EQ(header.shards.size(), 0U);
  EXPECT_EQ(header.xxh3, 0U);
  const Manifest shards = round_trip(header_of(entries), entries, ManifestParts::kShards);
  EXPECT_EQ(shards.shards.size(), 5U);
  EXPECT_TRUE(shards.shards.origins.empty());
  EXPECT_TRUE(shards.shards.entry(3).origins.empty());
}

TEST_F(ManifestTest, OfManyShardsHasSeveralRecordBatches) {
  const std::vector<ShardEntry> entries = make_entries(70'000);
  const Manifest manifest = round_trip(header_of(entries), entries);
  EXPECT_EQ(read_shard_layout(File(dir_.path("m"))).batches.size(), 2U);
  EXPECT_EQ(entries_of(manifest.shards), entries);
}

TEST_F(ManifestTest, OfManyOriginsHasSmallerRecordBatches) {
  std::vector<ShardEntry> entries = make_entries(2);
  for (ShardEntry& entry : entries) {
    entry.origins.assign(5 << 20, 7);
  }
  const Manifest manifest = round_trip(header_of(entries), entries);
  EXPECT_EQ(read_shard_layout(File(dir_.path("m"))).batches.size(), 2U);
  EXPECT_EQ(entries_of(manifest.shards), entries);
  entries[1].origins.resize((8 << 20) + 1);
  expect_error(ErrorCode::kInvalid, {entries[1].id, "origins"},
               [&] { manifest_bytes(header_of(entries), entries); });
}

TEST_F(ManifestTest, RefusesToWriteWhatItWouldNotRead) {
  const auto refused = [](auto change) {
    std::vector<ShardEntry> entries = make_entries(3);
    change(entries[1]);
    expect_error(ErrorCode::kInvalid, {"shard"},
                 [&] { manifest_bytes(header_of(make_entries(3)), entries); });
  };
  for (const uint64_t wrong : {uint64_t{0}, kLargest + 1, std::numeric_limits<uint64_t>::max()}) {
    refused([&](ShardEntry& entry) { entry.rows = wrong; });
    refused([&](ShardEntry& entry) { entry.batch_rows = wrong; });
    refused([&](ShardEntry& entry) { entry.bytes = wrong; });
    refused([&](ShardEntry& entry) { entry.stored_bytes = wrong; });
  }
  refused([](ShardEntry& entry) { entry.id = ""; });
}

// A file of the manifest's columns, with the header of a good one, and one value replaced.
class HostileManifest : public testing::Test {
 protected:
  struct Values {
    std::string id = "01234567-89ab-4def-8123-456789abcdef";
    std::string encoding = "none";
    std::vector<int64_t> numbers = {10, 10, 100, 100};  // rows, batch_rows, bytes, stored_bytes
  };

  std::string write(const Values& values, uint64_t copies = 1) {
    Schema schema = {{.name = "id", .kind = ColumnKind::kText}};
    for (const char* name : {"rows", "batch_rows", "bytes", "stored_bytes"}) {
      schema.push_back({.name = name, .dtype = DType::kInt64});
    }
    schema.push_back({.name = "stored_xxh3", .dtype = DType::kUint64});
    schema.push_back({.name = "encoding", .kind = ColumnKind::kText});
    schema.push_back({.name = "origins", .dtype = DType::kUint64, .kind = ColumnKind::kRagged});
    ManifestHeader header = header_of({});
    header.rows = 10 * copies;
    header.shards = copies;
    MemorySink sink;
    ShardWriter writer(schema, 1, sink, {{"headrace.manifest", manifest_header_json(header)}});
    const auto view = [](const void* data, const int64_t* offsets, uint64_t elements) {
      return ColumnView{.rows = 1,
                        .values = static_cast<const std::byte*>(data),
                        .offsets = reinterpret_cast<const std::byte*>(offsets),
                        .elements = elements};
    };
    const uint64_t hash = 1;
    const std::vector<int64_t> id_ends = {0, static_cast<int64_t>(values.id.size())};
    const std::vector<int64_t> encoding_ends = {0, static_cast<int64_t>(values.encoding.size())};
    const std::vector<int64_t> none = {0, 0};
    for (uint64_t i = 0; i < copies; ++i) {
      std::vector<ColumnView> columns = {view(values.id.data(), id_ends.data(), values.id.size())};
      for (const int64_t& number : values.numbers) {
        columns.push_back(view(&number, nullptr, 0));
      }
      columns.push_back(view(&hash, nullptr, 0));
      columns.push_back(view(values.encoding.data(), encoding_ends.data(), values.encoding.size()));
      columns.push_back(view(nullptr, none.data(), 0));
      writer.write_batch(columns);
    }
    writer.finish();
    return dir_.write("m", sink.bytes());
  }

  TempDir dir_;
};

TEST_F(HostileManifest, IsReadWhereNothingIsWrong) {
  const Manifest manifest = read_manifest(write({}, 3), ManifestParts::kShards);
  EXPECT_EQ(manifest.shards.size(), 3U);
  EXPECT_EQ(manifest.shards.entry(2).rows, 10U);
}

TEST_F(HostileManifest, NamesNoFileButAShard) {
  const std::string good = Values{}.id;
  std::vector<std::string> names = {
      "",
      ".",
      "..",
      "/",
      "/etc/passwd",
      "../../../etc/passwd",
      "../shards/" + good,
      "./" + good,
      good + "/",
      good + "/..",
      good + ".arrow",
      good + "\n",
      good + " ",
      " " + good,
      good + good,
      "~root",
      "$HOME",
      "`id`",
      "%2e%2e%2f",
      "..\\..\\windows",
      "C:\\x",
      "\\\\host\\share",
      "file:///etc/passwd",
      "s3://bucket/key",
      "http://127.0.0.1/",
      "con",
      "nul",
      "-rf",
      "--help",
      "*",
      "?",
      "\xC3\xA9\xC3\xA9",
      "\xE2\x80\xAE" + good.substr(3),
      std::string(255, 'a'),
      std::string(256, 'a'),
      std::string(5000, 'a'),
      std::string(36, '.'),
      std::string(36, '/'),
      std::string(36, ' '),
      std::string(36, '-'),
      std::string(36, '0'),
      std::string("a\0b", 3),
      good.substr(0, 35) + std::string(1, '\0'),
      std::string(1, '\0') + good.substr(1),
      good.substr(0, 35),
      "{" + good.substr(1, 34) + "}",
      "urn:uuid:" + good,
      "0x" + good.substr(2),
      "01234567-89AB-4DEF-8123-456789ABCDEF",
      "01234567_89ab_4def_8123_456789abcdef",
      "0123456789ab-4def-8123-456789abcdef-",
      "g1234567-89ab-4def-8123-456789abcdef",
      "01234567-89ab-4def-8123-456789abcd..",
      "../34567-89ab-4def-8123-456789abcdef",
      "01234567-89ab-4def-8123-/56789abcdef",
      "01234567-89ab-4def-8123-\\56789abcde",
      "latest",
      "manifests",
      ".tmp-" + good,
      "00000000000000000001",
  };
  EXPECT_EQ(names.size(), 60U);
  for (const std::string& name : names) {
    expect_error(ErrorCode::kCorrupt, {dir_.path("m"), "UUID"},
                 [&] { read_manifest(write({.id = name}), ManifestParts::kShards); });
  }
}

TEST_F(HostileManifest, HasOnlyPositiveCounts) {
  for (size_t i = 0; i < 4; ++i) {
    for (const int64_t wrong : {int64_t{0}, int64_t{-1}, std::numeric_limits<int64_t>::min()}) {
      Values values;
      values.numbers[i] = wrong;
      expect_error(ErrorCode::kCorrupt, {dir_.path("m"), "not positive"},
                   [&] { read_manifest(write(values), ManifestParts::kShards); });
    }
  }
}

TEST_F(HostileManifest, HasRowsThatFit) {
  Values values;
  values.numbers[0] = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(read_manifest(write(values), ManifestParts::kShards).shards.rows[0], kLargest);
  expect_error(ErrorCode::kCorrupt, {"63 bits"},
               [&] { read_manifest(write(values, 3), ManifestParts::kShards); });
}

TEST_F(HostileManifest, OfAnUnknownEncodingSaysToUpdate) {
  expect_error(ErrorCode::kUnsupported, {"encoding", "update"},
               [&] { read_manifest(write({.encoding = "lz4"}), ManifestParts::kShards); });
}

TEST_F(ManifestTest, RefusesOtherFiles) {
  MemorySink sink;
  const int64_t value = 1;
  const ColumnView column{.rows = 1, .values = reinterpret_cast<const std::byte*>(&value)};
  ShardWriter writer({{.name = "x", .dtype = DType::kInt64}}, 1, sink);
  writer.write_batch({&column, 1});
  writer.finish();
  expect_error(ErrorCode::kCorrupt, {"its columns are others"},
               [&] { read_manifest(dir_.write("shard", sink.bytes()), ManifestParts::kHeader); });
  expect_error(ErrorCode::kNotFound, {"absent"},
               [&] { read_manifest(dir_.path("absent"), ManifestParts::kHeader); });
}

TEST_F(ManifestTest, RefusesAHeaderThatCountsOtherShards) {
  const std::vector<ShardEntry> entries = make_entries(3);
  for (const uint64_t shards : {2, 4}) {
    ManifestHeader header = header_of(entries);
    header.shards = shards;
    expect_error(ErrorCode::kCorrupt, {"3 shards of"},
                 [&] { round_trip(header, entries, ManifestParts::kHeader); });
  }
}

// Whatever a damaged file says, it is not taken for another content.
void expect_refused_or_same(const std::string& path, const Manifest& expected) {
  try {
    const Manifest found = read_manifest(path, ManifestParts::kShardsAndOrigins);
    EXPECT_EQ(found.header, expected.header);
    EXPECT_EQ(entries_of(found.shards), entries_of(expected.shards));
  } catch (const Error&) {
    return;  // typed
  }
}

TEST_F(ManifestTest, WithAnyBitFlippedIsRefused) {
  const std::vector<ShardEntry> entries = make_entries(5);
  std::vector<std::byte> bytes = manifest_bytes(header_of(entries), entries);
  const std::string path = dir_.write("m", bytes);
  const Manifest expected = read_manifest(path, ManifestParts::kShardsAndOrigins);
  // In place: replacing a file so often would wait for the disk.
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  const auto put = [&](size_t at, std::byte value) {
    file.seekp(static_cast<std::streamoff>(at)).put(static_cast<char>(value)).flush();
  };
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    put(bit / 8, bytes[bit / 8] ^ static_cast<std::byte>(1U << bit % 8));
    expect_refused_or_same(path, expected);
    put(bit / 8, bytes[bit / 8]);
  }
  EXPECT_EQ(read_manifest(path, ManifestParts::kShards).xxh3, expected.xxh3);
}

TEST_F(ManifestTest, CutAnywhereIsRefused) {
  const std::vector<ShardEntry> entries = make_entries(5);
  const std::vector<std::byte> bytes = manifest_bytes(header_of(entries), entries);
  const std::string path = dir_.write("m", bytes);
  for (size_t size = bytes.size(); size-- > 0;) {
    std::filesystem::resize_file(path, size);
    EXPECT_THROW(read_manifest(path, ManifestParts::kShards), Error) << size;
  }
}

}  // namespace
}  // namespace headrace
