#include "format/shard_expander.h"

#include <array>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "format/shard_layout.h"
#include "format/stored_body.h"
#include "testing/damaged_file.h"
#include "testing/errors.h"
#include "testing/shards.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

using Bytes = std::vector<std::byte>;

constexpr uint64_t kAny = std::numeric_limits<uint64_t>::max();

class ShardExpander : public testing::Test {
 protected:
  ShardSummary expand(const Bytes& stored, uint64_t most = kAny) {
    sink_ = std::make_unique<MemorySink>();
    return expand_shard(File(folder_.write("a.arrow", stored)), most, *sink_);
  }

  ShardSummary expand(const DamagedFile& file) {
    sink_ = std::make_unique<MemorySink>();
    return expand_shard(File(file.path()), kAny, *sink_);
  }

  const Bytes& expanded() const { return sink_->bytes(); }

  TempDir folder_;
  std::unique_ptr<MemorySink> sink_;
};

std::vector<ShardColumn> all_kinds(uint64_t rows) {
  std::vector<ShardColumn> columns;
  for (const Field& field : one_field_of_each_kind()) {
    columns.push_back(make_column(field, rows));
  }
  columns.push_back(blobs("nothing", rows, 0));
  return columns;
}

TEST_F(ShardExpander, GivesTheShardThatWouldHaveBeenWrittenWithoutCompression) {
  const Metadata metadata = {{"key", "value"}};
  for (const uint64_t rows : {0, 1, 5, 12, 1000}) {
    const std::vector<ShardColumn> columns = all_kinds(rows);
    MemorySink stored;
    const ShardSummary written = write_shard(stored, columns, 4, metadata, ShardEncoding::kZstd);
    const Bytes plain = shard_bytes(columns, 4, metadata);
    const ShardSummary summary = expand(stored.bytes(), written.expanded_bytes);
    EXPECT_EQ(expanded(), plain) << rows;
    EXPECT_EQ(summary, (ShardSummary{rows, plain.size(), hash_bytes(plain), plain.size()}));
  }
}

TEST_F(ShardExpander, ExpandsBodiesThatAreTooLargeToHold) {
  const std::vector<ShardColumn> columns = {blobs("b", 70, 1 << 20),
                                            make_column({.name = "x"}, 70)};
  const Bytes stored = shard_bytes(columns, 128, {}, ShardEncoding::kZstd);
  EXPECT_LT(stored.size(), 100'000U);
  expand(stored);
  EXPECT_EQ(expanded(), shard_bytes(columns, 128));
}

TEST_F(ShardExpander, WritesNoMoreThanWasPromised) {
  const std::vector<ShardColumn> columns = {blobs("b", 8, 1 << 20)};
  const Bytes stored = shard_bytes(columns, 4, {}, ShardEncoding::kZstd);
  const uint64_t bytes = shard_bytes(columns, 4).size();
  EXPECT_EQ(expand(stored, bytes).bytes, bytes);
  for (const uint64_t most : {uint64_t{0}, uint64_t{1} << 20, bytes - 1}) {
    expect_error(ErrorCode::kCorrupt, {"a.arrow", "promises at most", std::to_string(most)},
                 [&] { expand(stored, most); });
    EXPECT_LE(expanded().size(), most);
  }
}

TEST_F(ShardExpander, StopsWhereItsCallerWants) {
  const Bytes stored = shard_bytes({blobs("b", 8, 1 << 20)}, 4, {}, ShardEncoding::kZstd);
  MemorySink sink;
  const File file(folder_.write("a.arrow", stored));
  EXPECT_THROW(expand_shard(file, kAny, sink, [] { throw 1; }), int);
}

TEST_F(ShardExpander, TakesCompressedShardsOnly) {
  const std::vector<ShardColumn> columns = {make_column({.name = "x"}, 5)};
  expect_error(ErrorCode::kCorrupt, {"not compressed by zstd"},
               [&] { expand(shard_bytes(columns, 4)); });
  const File stored(folder_.write("b.arrow", shard_bytes(columns, 4, {}, ShardEncoding::kZstd)));
  for (const LayoutRules rules : {LayoutRules::kAnyArrow, LayoutRules::kProfileOnly}) {
    expect_error(ErrorCode::kUnsupported, {"b.arrow", "compressed", "headrace expand"},
                 [&] { read_shard_layout(stored, rules); });
  }
}

TEST_F(ShardExpander, NoticesEveryFlippedBit) {
  std::vector<ShardColumn> columns = {make_column({.name = "t", .kind = ColumnKind::kText}, 5),
                                      blobs("b", 5, 50)};
  DamagedFile file(shard_bytes(columns, 3, {{"key", "value"}}, ShardEncoding::kZstd));
  for (size_t bit = 0; bit < 8 * file.bytes().size(); ++bit) {
    file.flip(bit);
    EXPECT_THROW(expand(file), Error) << "bit " << bit % 8 << " of byte " << bit / 8;
    file.flip(bit);
  }
  EXPECT_NO_THROW(expand(file));
}

TEST_F(ShardExpander, NoticesEveryTruncation) {
  DamagedFile file(shard_bytes({blobs("b", 5, 50)}, 3, {}, ShardEncoding::kZstd));
  for (size_t size = file.bytes().size(); size-- > 0;) {
    file.truncate(size);
    EXPECT_THROW(expand(file), Error) << size;
  }
}

// A shard of one batch with right hashes, whose stored body the test makes: 4 rows of a text.
class HostileShard : public ShardExpander {
 protected:
  struct Stored {
    std::vector<std::pair<int64_t, Bytes>> buffers;  // what each announces, and what follows
    uint64_t rows = 4;
  };

  static Bytes frame_of(const Bytes& bytes) {
    Bytes frame;
    ZstdCompressor().append(bytes, frame);
    return frame;
  }

  static Stored good() {
    return {.buffers = {{40, frame_of(Bytes(40))}, {100, frame_of(Bytes(100, std::byte{'a'}))}}};
  }

  Bytes shard(const Stored& stored) {
    Bytes body;
    BatchLayout batch{.rows = stored.rows, .columns = {ColumnPlace{}}};
    std::array<Place*, 2> places = {&batch.columns[0].offsets, &batch.columns[0].values};
    for (size_t i = 0; i < stored.buffers.size(); ++i) {
      const auto& [announced, bytes] = stored.buffers[i];
      *places[i] = {body.size(), kStoredPrefix + bytes.size()};
      const auto prefix = std::as_bytes(std::span(&announced, 1));
      body.insert(body.end(), prefix.begin(), prefix.end());
      body.insert(body.end(), bytes.begin(), bytes.end());
      body.resize(aligned_body_size(body.size()));
    }
    batch.body.bytes = body.size();
    batch.xxh3 = hash_bytes(body);
    MemorySink sink;
    ShardFrame frame({{.name = "t", .kind = ColumnKind::kText}}, {}, 4, sink);
    frame.begin_batch(batch, ShardEncoding::kZstd);
    frame.write(body);
    frame.finish();
    return sink.bytes();
  }

  void refused(std::string_view what, const std::function<void(Stored&)>& change) {
    Stored stored = good();
    change(stored);
    const Error error = expect_error(ErrorCode::kCorrupt, {"a.arrow", "record batch 0", what},
                                     [&] { expand(shard(stored), 1 << 20); });
    EXPECT_LE(expanded().size(), size_t{2} << 20);
  }
};

TEST_F(HostileShard, IsReadWhereItIsRight) {
  EXPECT_EQ(expand(shard(good())).rows, 4U);
  Stored raw = good();
  raw.buffers[1] = {kStoredRaw, Bytes(100, std::byte{'a'})};
  const Bytes first = expanded();
  expand(shard(raw));
  EXPECT_EQ(expanded(), first);
}

TEST_F(HostileShard, AnnouncesTheSizesThatItsRowsNeed) {
  for (const int64_t wrong : {int64_t{0}, int64_t{-2}, std::numeric_limits<int64_t>::min()}) {
    refused("announces " + std::to_string(wrong), [&](Stored& s) { s.buffers[1].first = wrong; });
  }
  for (const int64_t wrong :
       {int64_t{1}, int64_t{39}, int64_t{41}, std::numeric_limits<int64_t>::max()}) {
    refused("announces " + std::to_string(wrong), [&](Stored& s) { s.buffers[0].first = wrong; });
  }
  refused("more elements", [](Stored& s) { s.buffers[1].first = int64_t{1} << 31; });
  refused("announces 39", [](Stored& s) { s.buffers[0] = {kStoredRaw, Bytes(39)}; });
}

TEST_F(HostileShard, ExpandsToWhatItAnnounces) {
  refused("does not expand to the 101", [](Stored& s) { s.buffers[1].first = 101; });
  refused("does not expand to the 99", [](Stored& s) { s.buffers[1].first = 99; });
  refused("does not expand", [](Stored& s) { s.buffers[1].second = Bytes(20, std::byte{1}); });
  refused("does not expand", [](Stored& s) { s.buffers[1].second.push_back(std::byte{0}); });
  refused("does not expand", [](Stored& s) { s.buffers[1].second.resize(12); });
  refused("does not expand", [](Stored& s) {  // a bomb
    s.buffers[1].second = frame_of(Bytes(100'000'000));
  });
}

TEST_F(HostileShard, DoesNotExpandWhatItsManifestDoesNotAllow) {
  Stored stored = good();
  stored.buffers[1] = {2'000'000'000, frame_of(Bytes(10))};
  expect_error(ErrorCode::kCorrupt, {"promises at most 1048576"},
               [&] { expand(shard(stored), 1 << 20); });
  // Without such a promise it is expanded, but not beyond what is there.
  expect_error(ErrorCode::kCorrupt, {"does not expand"}, [&] { expand(shard(stored)); });
}

}  // namespace
}  // namespace headrace
