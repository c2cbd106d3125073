#include "dataset/shard_builder.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <random>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "format/shard_layout.h"
#include "storage/file.h"
#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

template <typename T>
const std::byte* bytes_of(const std::vector<T>& values) {
  return reinterpret_cast<const std::byte*>(values.data());
}

// Rows of a scalar, a text and a sparse column; row i is the same whoever makes it.
struct Rows {
  std::vector<int64_t> numbers = {};
  std::vector<char> text = {};
  std::vector<int64_t> text_offsets = {0};
  std::vector<int32_t> indices = {};
  std::vector<float> weights = {};
  std::vector<int32_t> indptr = {0};

  // Rows [first, first + count); `scale` makes their text longer.
  Rows(uint64_t first, uint64_t count, uint64_t scale = 20) {
    for (uint64_t row = first; row < first + count; ++row) {
      numbers.push_back(static_cast<int64_t>(row));
      text.insert(text.end(), (row * 7919) % scale, static_cast<char>('a' + row % 26));
      text_offsets.push_back(static_cast<int64_t>(text.size()));
      for (uint64_t k = 0; k < row % 4; ++k) {
        indices.push_back(static_cast<int32_t>((row + k) % 50));
        weights.push_back(static_cast<float>(row) + static_cast<float>(k));
      }
      indptr.push_back(static_cast<int32_t>(indices.size()));
    }
  }

  static Schema schema() {
    return {{.name = "n", .dtype = DType::kInt64},
            {.name = "t", .kind = ColumnKind::kText},
            {.name = "w",
             .dtype = DType::kFloat32,
             .kind = ColumnKind::kCsr,
             .index_dtype = DType::kInt32,
             .width = 50}};
  }

  std::vector<ColumnView> views() const {
    return {{.rows = numbers.size(), .values = bytes_of(numbers)},
            {.rows = numbers.size(),
             .values = bytes_of(text),
             .offsets = bytes_of(text_offsets),
             .elements = text.size()},
            {.rows = numbers.size(),
             .values = bytes_of(weights),
             .offsets = bytes_of(indptr),
             .indices = bytes_of(indices),
             .offset_size = sizeof(int32_t),
             .elements = indices.size()}};
  }
};

// What row `row` of views over the schema of Rows says.
std::string row_text(const std::vector<ColumnView>& views, uint64_t row) {
  int64_t number = 0;
  std::memcpy(&number, views[0].values + row * sizeof(number), sizeof(number));
  std::string text = std::to_string(number) + "|";
  for (size_t c = 1; c < 3; ++c) {
    const size_t size = c == 1 ? 1 : sizeof(float);
    const int64_t begin = offset_at(views[c], row);
    const int64_t end = offset_at(views[c], row + 1);
    const auto add = [&](const std::byte* data, size_t item) {
      text.append(reinterpret_cast<const char*>(data) + static_cast<size_t>(begin) * item,
                  static_cast<size_t>(end - begin) * item);
    };
    add(views[c].values, size);
    if (c == 2) {
      add(views[c].indices, sizeof(int32_t));
    }
    text += "|";
  }
  return text;
}

struct ReadShard {
  ShardLayout layout = {};
  std::vector<std::string> rows = {};
};

// Reads a published shard, and checks what its entry and the profile say of it.
ReadShard read_shard(const TempDir& dir, const ShardEntry& entry) {
  const std::string path = dir.path("shards/" + entry.id + ".arrow");
  const File file(path);
  ReadShard shard{.layout = read_shard_layout(file, LayoutRules::kProfileOnly)};
  EXPECT_EQ(shard.layout.rows, entry.rows);
  EXPECT_EQ(shard.layout.rows_per_batch, entry.batch_rows);
  EXPECT_TRUE(std::has_single_bit(entry.batch_rows));
  EXPECT_EQ(file.info().size, entry.stored_bytes);
  EXPECT_GE(entry.bytes, entry.stored_bytes);
  std::vector<std::byte> bytes(entry.stored_bytes);
  file.read(0, bytes);
  EXPECT_EQ(hash_bytes(bytes), entry.stored_xxh3);
  for (const BatchLayout& batch : shard.layout.batches) {
    std::vector<ColumnView> views;
    for (size_t c = 0; c < shard.layout.columns.size(); ++c) {
      views.push_back(view_of(shard.layout.columns[c], batch.columns[c], batch.rows, bytes.data()));
    }
    for (uint64_t row = 0; views.size() == 3 && row < batch.rows; ++row) {
      shard.rows.push_back(row_text(views, row));
    }
  }
  return shard;
}

std::vector<std::string> read_rows(const TempDir& dir, const std::vector<ShardEntry>& entries) {
  std::vector<std::string> rows;
  for (const ShardEntry& entry : entries) {
    const ReadShard shard = read_shard(dir, entry);
    rows.insert(rows.end(), shard.rows.begin(), shard.rows.end());
  }
  return rows;
}

std::vector<std::string> expected_rows(const Rows& given) {
  std::vector<std::string> rows;
  for (uint64_t row = 0; row < given.numbers.size(); ++row) {
    rows.push_back(row_text(given.views(), row));
  }
  return rows;
}

size_t files_in(const TempDir& dir) {
  const std::filesystem::path shards = dir.path("shards");
  return std::filesystem::exists(shards)
             ? static_cast<size_t>(std::distance(std::filesystem::directory_iterator(shards), {}))
             : 0;
}

std::vector<uint64_t> cuts(const std::vector<ShardEntry>& entries) {
  std::vector<uint64_t> found;
  for (const ShardEntry& entry : entries) {
    found.push_back(entry.rows);
    found.push_back(entry.batch_rows);
  }
  return found;
}

constexpr ShardLimits kSmall = {.shard_bytes = 40'000, .body_bytes = 8'000};

TEST(ShardBuilder, KeepsRowsAndTheirOrderHoweverTheyAreHandedOver) {
  constexpr uint64_t kRows = 5000;
  const Rows all(0, kRows);
  const std::vector<std::string> expected = expected_rows(all);
  std::vector<uint64_t> first_cuts;
  std::mt19937 random(11);  // NOLINT: the same in every run
  for (const uint64_t step :
       {uint64_t{1}, uint64_t{7}, uint64_t{64}, uint64_t{1000}, kRows, uint64_t{0}}) {
    const TempDir dir;
    ShardBuilder builder(dir.path(), Rows::schema(), kSmall);
    for (uint64_t row = 0; row < kRows;) {
      const uint64_t some = std::min<uint64_t>(step > 0 ? step : random() % 300, kRows - row);
      builder.write(Rows(row, some).views());
      row += some;
    }
    EXPECT_EQ(builder.rows(), kRows);
    const std::vector<ShardEntry> entries = builder.finish();
    EXPECT_EQ(read_rows(dir, entries), expected) << "in steps of " << step;
    EXPECT_EQ(files_in(dir), entries.size());
    first_cuts = first_cuts.empty() ? cuts(entries) : first_cuts;
    EXPECT_EQ(cuts(entries), first_cuts) << "in steps of " << step;
  }
}

TEST(ShardBuilder, CutsRowsAtTheSamePlacesWithCompression) {
  std::vector<std::vector<uint64_t>> found;
  for (const ShardEncoding encoding : {ShardEncoding::kPlain, ShardEncoding::kZstd}) {
    const TempDir dir;
    ShardBuilder builder(dir.path(), Rows::schema(), kSmall, encoding);
    builder.write(Rows(0, 3000).views());
    builder.write(Rows(3000, 3000, 200).views());
    const std::vector<ShardEntry> entries = builder.finish();
    for (const ShardEntry& entry : entries) {
      EXPECT_EQ(entry.encoding, encoding);
      EXPECT_EQ(entry.stored_bytes < entry.bytes, encoding == ShardEncoding::kZstd);
    }
    found.push_back(cuts(entries));
  }
  EXPECT_EQ(found[0], found[1]);
}

TEST(ShardBuilder, KeepsToItsLimits) {
  const TempDir dir;
  ShardBuilder builder(dir.path(), Rows::schema(), kSmall);
  builder.write(Rows(0, 20'000).views());
  const std::vector<ShardEntry> entries = builder.finish();
  ASSERT_GT(entries.size(), 10);
  for (size_t i = 0; i < entries.size(); ++i) {
    const ReadShard shard = read_shard(dir, entries[i]);
    uint64_t bodies = 0;
    for (const BatchLayout& batch : shard.layout.batches) {
      EXPECT_LE(batch.body.bytes, kSmall.body_bytes);
      bodies += batch.body.bytes;
    }
    EXPECT_LE(bodies, kSmall.shard_bytes);
    // The tail of a shard may be short, and not much more.
    EXPECT_TRUE(i + 1 == entries.size() || bodies > kSmall.shard_bytes / 2) << bodies;
  }
}

TEST(ShardBuilder, WritesTensorsInBatchesOfAPowerOfTwo) {
  const TempDir dir;
  const Schema schema = {{.name = "x", .dtype = DType::kFloat32, .row_shape = {25}}};
  const std::vector<float> values(25 * 1000);
  const ColumnView view{.rows = 1000, .values = bytes_of(values)};
  ShardBuilder builder(dir.path(), schema, {.shard_bytes = 30'000, .body_bytes = 8'000});
  builder.write({&view, 1});
  const std::vector<ShardEntry> entries = builder.finish();
  ASSERT_EQ(entries.size(), 4);
  EXPECT_EQ(entries[0].batch_rows, 64);
  EXPECT_NEAR(static_cast<double>(entries[0].rows), 290, 10);
  for (const ShardEntry& entry : entries) {
    read_shard(dir, entry);
  }
}

TEST(ShardBuilder, CountsThePaddingOfFewRows) {
  const TempDir dir;
  Schema schema;
  std::vector<ColumnView> views;
  const std::vector<uint8_t> values(30 * 8);
  for (int c = 0; c < 30; ++c) {  // of 8 rows each column is 8 bytes, and 64 in a file
    schema.push_back({.name = "x" + std::to_string(c), .dtype = DType::kUint8});
    views.push_back({.rows = 8, .values = bytes_of(values)});
  }
  ShardBuilder builder(dir.path(), schema, {.body_bytes = 30 * 64});
  for (int i = 0; i < 20; ++i) {
    builder.write(views);
  }
  const std::vector<ShardEntry> entries = builder.finish();
  ASSERT_EQ(entries.size(), 1);
  EXPECT_EQ(entries[0].batch_rows, 64);
  for (const BatchLayout& batch : read_shard(dir, entries[0]).layout.batches) {
    EXPECT_LE(batch.body.bytes, 30 * 64);
  }
}

TEST(ShardBuilder, AdaptsWhenRowsGrowAndShrink) {
  const TempDir dir;
  ShardBuilder builder(dir.path(), Rows::schema(), kSmall);
  const Rows small(0, 2000, 4);
  const Rows large(2000, 100, 6000);
  const Rows huge(2100, 3, 60'000);
  const Rows again(2103, 4000, 4);
  std::vector<std::string> expected;
  for (const Rows* rows : {&small, &large, &huge, &again}) {
    builder.write(rows->views());
    const std::vector<std::string> more = expected_rows(*rows);
    expected.insert(expected.end(), more.begin(), more.end());
  }
  const std::vector<ShardEntry> entries = builder.finish();
  EXPECT_EQ(read_rows(dir, entries), expected);
  EXPECT_GE(entries.back().batch_rows, 16);
  // Neither a shard nor a batch for each of the small rows.
  EXPECT_LT(entries.size(), 60);
}

TEST(ShardBuilder, WritesARowThatIsLargerThanAShard) {
  const TempDir dir;
  ShardBuilder builder(dir.path(), Rows::schema(), {.shard_bytes = 1000, .body_bytes = 1000});
  const Rows rows(11, 2, 100'000);
  builder.write(rows.views());
  const std::vector<ShardEntry> entries = builder.finish();
  EXPECT_EQ(entries.size(), 2);
  EXPECT_EQ(read_rows(dir, entries), expected_rows(rows));

  const Schema wide = {{.name = "x", .dtype = DType::kUint8, .row_shape = {5000}}};
  const std::vector<uint8_t> values(3 * 5000);
  const ColumnView view{.rows = 3, .values = bytes_of(values)};
  ShardBuilder tensors(dir.path(), wide, {.shard_bytes = 1000, .body_bytes = 1000});
  tensors.write({&view, 1});
  EXPECT_EQ(tensors.finish().size(), 3);
}

TEST(ShardBuilder, CountsLeafElements) {
  const TempDir dir;
  const Schema schema = {
      {.name = "r", .dtype = DType::kUint8, .row_shape = {2}, .kind = ColumnKind::kRagged}};
  const std::vector<uint8_t> values(400);
  std::vector<int64_t> offsets(101);
  for (size_t i = 0; i < offsets.size(); ++i) {
    offsets[i] = static_cast<int64_t>(2 * i);
  }
  ColumnView view{
      .rows = 100, .values = bytes_of(values), .offsets = bytes_of(offsets), .elements = 200};
  ShardBuilder builder(dir.path(), schema, {.batch_elements = 41});
  builder.write({&view, 1});
  const std::vector<ShardEntry> entries = builder.finish();
  ASSERT_FALSE(entries.empty());
  for (const ShardEntry& entry : entries) {
    EXPECT_LE(entry.batch_rows, 16);
    for (const BatchLayout& batch : read_shard(dir, entry).layout.batches) {
      EXPECT_LE(batch.columns[0].elements * 2, 40);
    }
  }
  offsets[1] = 0;
  offsets[2] = 4 * 21;
  for (size_t i = 3; i < offsets.size(); ++i) {
    offsets[i] = 4 * 21;
  }
  expect_error(ErrorCode::kInvalid, {"column r", "row 1 of the batch", "41"}, [&] {
    builder.write({&view, 1});
  });
}

TEST(ShardBuilder, TakesNothingOfABatchThatIsWrong) {
  const TempDir dir;
  ShardBuilder builder(dir.path(), Rows::schema(), kSmall);
  const Rows good(0, 10);
  builder.write(good.views());
  Rows bad(10, 10);
  bad.text[3] = '\xFF';
  const Error error =
      expect_error(ErrorCode::kInvalid, {"column t", "UTF-8"}, [&] { builder.write(bad.views()); });
  EXPECT_TRUE(error.context().row.has_value());
  const Rows next(10, 10);
  std::vector<ColumnView> views = next.views();
  views[2].rows = 9;
  expect_error(ErrorCode::kInvalid, {"column w has 9 rows and column n has 10"},
               [&] { builder.write(views); });
  views.pop_back();
  expect_error(ErrorCode::kInvalid, {"2 columns", "3"}, [&] { builder.write(views); });
  builder.write(next.views());
  EXPECT_EQ(read_rows(dir, builder.finish()), expected_rows(Rows(0, 20)));
}

TEST(ShardBuilder, PollsWhileItChecksAndBetweenRecordBatches) {
  const TempDir dir;
  ShardBuilder builder(dir.path(), Rows::schema(), kSmall);
  const Rows rows(0, 100'000);
  int polls = 0;
  const auto stop_at = [&](int last) {
    return [&polls, last] {
      if (++polls == last) {
        throw std::runtime_error("stop");
      }
    };
  };
  builder.write(rows.views(), stop_at(0));
  const int checks = 3 * (100'000 / (1 << 14) + 1);
  EXPECT_GT(polls, checks + 10);

  polls = 0;
  EXPECT_THROW(builder.write(rows.views(), stop_at(checks)), std::runtime_error);
  EXPECT_EQ(builder.rows(), 100'000U) << "nothing is taken while rows are checked";
  builder.write(Rows(100'000, 10).views());

  polls = 0;
  EXPECT_THROW(builder.write(rows.views(), stop_at(checks + 5)), std::runtime_error);
  expect_error(ErrorCode::kInvalid, {"failed before"}, [&] { builder.finish(); });
}

TEST(ShardBuilder, GoesOnAfterFinish) {
  const TempDir dir;
  ShardBuilder builder(dir.path(), Rows::schema(), kSmall);
  EXPECT_TRUE(builder.finish().empty());
  builder.write(Rows(0, 100).views());
  std::vector<ShardEntry> entries = builder.finish();
  EXPECT_EQ(builder.rows(), 0);
  builder.write(Rows(100, 900).views());
  for (ShardEntry& entry : builder.finish()) {
    entries.push_back(std::move(entry));
  }
  builder.abort();
  EXPECT_EQ(read_rows(dir, entries), expected_rows(Rows(0, 1000)));
}

TEST(ShardBuilder, LeavesNothingWhenItIsDropped) {
  const TempDir dir;
  std::vector<ShardEntry> kept;
  {
    ShardBuilder builder(dir.path(), Rows::schema(), kSmall);
    builder.write(Rows(0, 100).views());
    kept = builder.finish();
    builder.write(Rows(0, 20'000).views());
    EXPECT_GT(files_in(dir), 10);
  }
  EXPECT_EQ(files_in(dir), kept.size());
  const std::vector<std::string> ids = {kept[0].id, "../shards/x", ""};
  discard_shards(dir.path(), ids);
  EXPECT_EQ(files_in(dir), 0);
}

TEST(ShardBuilder, IsOfNoUseAfterAbort) {
  const TempDir dir;
  ShardBuilder builder(dir.path(), Rows::schema(), kSmall);
  builder.write(Rows(0, 20'000).views());
  builder.abort();
  EXPECT_EQ(files_in(dir), 0);
  expect_error(ErrorCode::kInvalid, {"begin again"}, [&] { builder.write(Rows(0, 1).views()); });
  expect_error(ErrorCode::kInvalid, {"begin again"}, [&] { builder.finish(); });
}

TEST(ShardBuilder, TouchesNothingInAForkedChild) {
  const TempDir dir;
  ShardBuilder builder(dir.path(), Rows::schema(), kSmall);
  builder.write(Rows(0, 3000).views());
  const size_t files = files_in(dir);
  ASSERT_GT(files, 0);
  const pid_t child = ::fork();
  if (child == 0) {
    int status = 1;
    try {
      builder.write(Rows(0, 1).views());
    } catch (const Error&) {
      builder.abort();
      status = files_in(dir) == files ? 0 : 2;
    }
    ::_exit(status);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(read_rows(dir, builder.finish()), expected_rows(Rows(0, 3000)));
}

TEST(ShardBuilder, RefusesSchemasAndLimitsThatCannotBe) {
  expect_error(ErrorCode::kInvalid, {"column"}, [] { ShardBuilder("d", {}); });
  expect_error(ErrorCode::kInvalid, {"limits"},
               [] { ShardBuilder("d", Rows::schema(), {.shard_bytes = 0}); });
  expect_error(ErrorCode::kInvalid, {"two columns are called x"}, [] {
    ShardBuilder("d", {{.name = "x"}, {.name = "x"}});
  });
  expect_error(ErrorCode::kInvalid, {"wide"},
               [] { ShardBuilder("d", {{.name = "w", .kind = ColumnKind::kCsr}}); });
}

TEST(ShardBuilder, SaysWhereItCannotWrite) {
  const TempDir dir;
  dir.fill("shards", 1);  // a file in the place of the directory
  ShardBuilder builder(dir.path(), Rows::schema(), kSmall);
  expect_error(ErrorCode::kInvalid, {"shards"}, [&] { builder.write(Rows(0, 5000).views()); });
  expect_error(ErrorCode::kInvalid, {"begin again"}, [&] { builder.finish(); });
}

}  // namespace
}  // namespace headrace
