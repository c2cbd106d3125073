#include "engine/loader.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/column_views.h"
#include "dataset/reader.h"
#include "dataset/views.h"
#include "testing/any_rows.h"
#include "testing/datasets.h"
#include "testing/errors.h"
#include "testing/loading.h"
#include "testing/sparse_columns.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

DatasetPtr counted(uint64_t rows) { return in_memory({counting("id", rows)}); }

LoaderOptions split_options(uint64_t batch_size, uint64_t world_size, uint64_t rank) {
  LoaderOptions options = options_of(batch_size);
  options.split.world_size = world_size;
  options.split.rank = rank;
  return options;
}

// Names rows until the pass wants no more: of batch i of the list, i % 3 + 1 rows from i.
void name_all(Loader& loader, Pass& pass) {
  while (const std::optional<Pass::Wanted> wanted = pass.wanted()) {
    std::vector<uint64_t> rows;
    for (uint64_t k = 0; k <= wanted->item % 3; ++k) {
      rows.push_back(wanted->item + k);
    }
    SlotPools pools = loader.pools_of(rows.size());
    pass.name({std::move(rows), std::move(pools)});
  }
}

LoaderOptions listed_options(uint64_t batches, Shuffle::Kind kind) {
  LoaderOptions options = options_of(1, kind);
  options.listed = batches;
  return options;
}

TEST(Loader, GivesListedBatchesInTheOrderOfTheList) {
  for (const auto kind : {Shuffle::Kind::kSequential, Shuffle::Kind::kExact}) {
    Loader loader(counted(100), listed_options(50, kind));
    const std::shared_ptr<Pass> pass = loader.start(1, 7);
    std::vector<uint64_t> seen;
    Batch batch;
    for (name_all(loader, *pass); next_batch(*pass, batch); name_all(loader, *pass)) {
      const std::vector<uint64_t> rows = ids(batch);
      ASSERT_EQ(rows.size(), rows.front() % 3 + 1);
      seen.push_back(rows.front());
    }
    std::vector<uint64_t> expected;
    for (const std::vector<uint64_t>& item : expected_batches(50, listed_options(50, kind), 1, 7)) {
      expected.push_back(item.front());
    }
    EXPECT_EQ(seen, expected);
    EXPECT_TRUE(pass->done());
    EXPECT_EQ(loader.batches(0), 50U);
  }
}

TEST(Loader, WantsNoMoreListedBatchesThanItMakesAhead) {
  LoaderOptions options = listed_options(50, Shuffle::Kind::kSequential);
  options.prefetch = 3;
  Loader loader(counted(100), options);
  const std::shared_ptr<Pass> pass = loader.start(0, 0);
  name_all(loader, *pass);
  Batch batch;
  ASSERT_TRUE(next_batch(*pass, batch));
  EXPECT_EQ(pass->handed_out(), 1U);
  EXPECT_EQ(pass->wanted()->number, 3U);  // 0, 1 and 2 are named, and 0 is taken
}

TEST(Loader, RefusesRowsOfAListedBatchThatDoNotExist) {
  Loader loader(counted(10), listed_options(5, Shuffle::Kind::kSequential));
  const std::shared_ptr<Pass> pass = loader.start(0, 0);
  ASSERT_EQ(pass->wanted()->item, 0U);
  expect_error(ErrorCode::kIndex, {"row 10", "10 rows"}, [&] {
    pass->name({{3, 10}, loader.pools_of(2)});
  });
  EXPECT_EQ(pass->wanted()->item, 0U);
}

TEST(Loader, CountsTheRowsOfARepeatedListedBatch) {
  LoaderOptions options = listed_options(4, Shuffle::Kind::kSequential);
  options.split.world_size = 3;
  options.split.rank = 2;
  Loader loader(counted(100), options);
  const std::shared_ptr<Pass> pass = loader.start(0, 0);
  name_all(loader, *pass);
  const Batches batches = drain(*pass);
  ASSERT_EQ(batches.size(), 2U);
  EXPECT_EQ(batches[0].front(), 2U);
  EXPECT_EQ(loader.stats().padding, batches[1].size());
}

TEST(Loader, ReadsRowsOutsideEveryPass) {
  Loader loader(counted(10), listed_options(5, Shuffle::Kind::kSequential));
  EXPECT_EQ(ids(loader.read({{7, 7, 1}, loader.pools_of(3)})), (std::vector<uint64_t>{7, 7, 1}));
}

TEST(Loader, GivesColumnsOfEveryKindWhileBatchesAreKept) {
  const std::vector<ShardColumn> columns = columns_of_each_kind(200);
  const LoaderOptions options = options_of(7, Shuffle::Kind::kExact, 3);
  Loader loader(in_memory(columns), options);
  const auto pass = loader.start(1, 0);
  std::vector<Batch> kept;
  for (Batch batch; next_batch(*pass, batch);) {
    kept.push_back(std::move(batch));
    batch = Batch();
  }
  const Batches expected = expected_batches(200, options, 1, 0);
  ASSERT_EQ(kept.size(), expected.size());
  uint64_t bytes = 0;
  for (size_t i = 0; i < kept.size(); ++i) {
    bytes += kept[i].bytes();
    for (size_t c = 0; c < columns.size(); ++c) {
      ASSERT_EQ(rows_of(kept[i], c, columns[c].field), rows_of(columns[c], expected[i]))
          << columns[c].field.name;
    }
  }
  EXPECT_EQ(loader.stats().bytes, bytes);
}

TEST(Loader, PeeksAndReadsColumnsOfEveryKind) {
  const std::vector<ShardColumn> columns = columns_of_each_kind(30);
  Loader loader(in_memory(columns), options_of(4));
  const std::optional<Batch> peeked = loader.peek(0, 8);
  Loader listed(in_memory(columns), listed_options(5, Shuffle::Kind::kSequential));
  const Batch read = listed.read({{7, 7, 1}, listed.pools_of(3)});
  for (size_t c = 0; c < columns.size(); ++c) {
    EXPECT_EQ(rows_of(*peeked, c, columns[c].field), rows_of(columns[c], {8, 9, 10, 11}));
    EXPECT_EQ(rows_of(read, c, columns[c].field), rows_of(columns[c], {7, 7, 1}));
  }
}

// The parts of these rows of column 0, read without a loader.
std::map<ColumnPart, std::vector<std::byte>> parts_of(const DatasetPtr& dataset,
                                                      const std::vector<uint64_t>& rows) {
  std::map<ColumnPart, std::vector<std::byte>> parts;
  Reader(dataset).read_parts(rows, {true}, [&](size_t /*column*/, ColumnPart part, uint64_t bytes) {
    return parts.emplace(part, std::vector<std::byte>(bytes)).first->second.data();
  });
  return parts;
}

TEST(Loader, GivesEveryLayout) {
  const std::vector<ShardColumn> csr = {sparse_column(make_sparse_rows(100, 1), false)};
  const std::vector<ShardColumn> ragged = {index_column(make_sparse_rows(100, 2), true)};
  const LoaderOptions options = options_of(9, Shuffle::Kind::kExact);
  const Batches expected = expected_batches(100, options, 0, 0);
  for (const LayoutKind kind :
       {LayoutKind::kDense, LayoutKind::kCsr, LayoutKind::kCoo, LayoutKind::kPadded}) {
    const bool padded = kind == LayoutKind::kPadded;
    const DType dtype = padded ? DType::kFloat64 : DType::kFloat32;
    const DatasetPtr dataset =
        with_layout(in_memory(padded ? ragged : csr), 0, {.kind = kind, .dtype = dtype});
    Loader loader(dataset, options);
    const auto pass = loader.start(0, 0);
    Batch batch;
    uint64_t bytes = 0;
    for (const std::vector<uint64_t>& rows : expected) {
      ASSERT_TRUE(next_batch(*pass, batch));
      for (const auto& [part, made] : parts_of(dataset, rows)) {
        const BatchColumn::Part& found = batch.columns[0][part];
        ASSERT_EQ(std::vector<std::byte>(found.slot.data(), found.slot.data() + found.bytes), made)
            << layout_name(kind);
        bytes += made.size();
      }
    }
    EXPECT_FALSE(next_batch(*pass, batch));
    EXPECT_EQ(loader.stats().bytes, bytes) << layout_name(kind);
  }
}

TEST(Loader, RefusesDenseBatchesThatNeedMoreMemoryThanThereIs) {
  ShardColumn wide = sparse_column(make_sparse_rows(100, 1), true);
  wide.field.width = uint64_t{1} << 30;  // 4 GiB a row
  const std::vector<ShardColumn> columns = {wide};
  const DatasetPtr dataset = with_layout(in_memory(columns), 0, {.kind = LayoutKind::kDense});
  expect_error(ErrorCode::kInvalid, {"column x", "4 batches of 100 dense rows", "batch_size"},
               [&] { Loader(dataset, options_of(100)); });
  EXPECT_NO_THROW(Loader(in_memory(columns), options_of(100)));
}

TEST(Loader, MakesFewHugeBatchesAhead) {
  // 10,000 rows of 64 KiB would be a batch of 640 MB; none is made here.
  const DatasetPtr huge = in_memory({random_floats("x", 1, {16384}, 1)});
  const DatasetPtr many = concat(std::vector<DatasetPtr>(10000, huge));
  LoaderOptions options = options_of(10000);
  options.num_threads = 8;
  EXPECT_EQ(Loader(many, options).options().prefetch, 2U);
  options.split.batch_size = 2000;  // 131 MB
  EXPECT_EQ(Loader(many, options).options().prefetch, 8U);
  // Rows of any size count as they are on average: 2.5 elements of 1 byte, and 8 of offsets.
  const std::vector<ShardColumn> bytes = {
      make_column({.name = "b", .kind = ColumnKind::kBytes}, 90)};
  EXPECT_EQ(Loader(in_memory(bytes), options).options().prefetch, 32U);
}

TEST(Loader, StartsAPassOfEveryNthBatch) {
  Loader loader(counted(10), options_of(2));
  EXPECT_EQ(drain(*loader.start(0, 2, 2)), (Batches{{2, 3}, {6, 7}}));
}

TEST(Loader, RefusesSizesOfZero) {
  expect_error(ErrorCode::kInvalid, {"batch_size", "at least 1", "found 0"},
               [] { Loader(counted(10), split_options(0, 1, 0)); });
  expect_error(ErrorCode::kInvalid, {"world_size", "at least 1", "found 0"},
               [] { Loader(counted(10), split_options(1, 0, 0)); });
}

TEST(Loader, RefusesARankOutsideTheWorld) {
  expect_error(ErrorCode::kInvalid, {"rank 4", "world_size 4", "start at 0"},
               [] { Loader(counted(10), split_options(1, 4, 4)); });
}

TEST(Loader, RefusesSizesBeyondItsIntegers) {
  const uint64_t limit = uint64_t{1} << 31;
  expect_error(ErrorCode::kInvalid, {"batch_size", "2147483648"},
               [&] { Loader(counted(10), split_options(limit, 1, 0)); });
  expect_error(ErrorCode::kInvalid, {"world_size", "2147483648"},
               [&] { Loader(counted(10), split_options(1, limit, 0)); });
  Loader(counted(10), split_options(limit - 1, limit - 1, 0));
}

TEST(Loader, RefusesABlockShuffleOfNothingAtOnce) {
  LoaderOptions options = options_of(4, Shuffle::Kind::kBlocks);
  options.shuffle.block_rows = 0;
  expect_error(ErrorCode::kInvalid, {"block_rows"}, [&] { Loader(counted(10), options); });
}

TEST(Loader, RefusesAPositionBeyondTheRows) {
  Loader loader(counted(10), options_of(4));
  expect_error(ErrorCode::kInvalid, {"position 11", "10 rows"}, [&] { loader.start(0, 11); });
  expect_error(ErrorCode::kInvalid, {"position 11", "10 rows"},
               [&] { static_cast<void>(loader.peek(0, 11)); });
  expect_error(ErrorCode::kInvalid, {"position 11", "10 rows"},
               [&] { static_cast<void>(loader.batches(11)); });
  EXPECT_TRUE(drain(*loader.start(0, 10)).empty());
}

TEST(Loader, ChoosesThreadsAndPrefetch) {
  LoaderOptions options = options_of(4);
  options.num_threads = 0;
  const Loader chosen_by_us(counted(10), options);
  EXPECT_GE(chosen_by_us.options().num_threads, 1U);
  EXPECT_LE(chosen_by_us.options().num_threads, 8U);
  EXPECT_EQ(chosen_by_us.options().prefetch, 32U);  // tiny batches
  options.num_threads = 3;
  options.prefetch = 5;
  const Loader given(counted(10), options);
  EXPECT_EQ(given.options().num_threads, 3U);
  EXPECT_EQ(given.options().prefetch, 5U);
}

TEST(Loader, PrefetchesLessOfLargeBatches) {
  // 4 MiB a batch: four fit 16 MiB.
  const std::vector<float> row((1U << 20) / sizeof(float), 1.0F);
  const DatasetPtr dataset = in_memory({column("x", DType::kFloat32, row, {row.size()})});
  std::vector<int64_t> same(8, 0);
  LoaderOptions options = options_of(4, Shuffle::Kind::kSequential, 1);
  const Buffer indices = index_buffer(same);
  const auto repeated = std::make_shared<Dataset>(
      dataset->columns(),
      std::vector{RowSpace::mapped(std::make_shared<const RowMap>(IndexMap{indices}), 8,
                                   dataset->groups().front())});
  EXPECT_EQ(Loader(repeated, options).options().prefetch, 4U);
  options.num_threads = 6;
  EXPECT_EQ(Loader(repeated, options).options().prefetch, 6U);
}

TEST(Loader, GivesTheSameBatchesFromMemoryAndFilesForAnyThreads) {
  const TempDir dir;
  const std::vector<Values> columns = {counting("id", 300), random_floats("x", 300, {3}, 1)};
  const DatasetPtr memory = in_memory(columns);
  const DatasetPtr files = in_files(dir, "f", columns, {100, 0, 1, 199});
  for (const auto kind :
       {Shuffle::Kind::kSequential, Shuffle::Kind::kExact, Shuffle::Kind::kBlocks}) {
    const Batches expected = expected_batches(300, options_of(16, kind), 4, 32);
    for (const uint64_t threads : {1, 2, 8}) {
      for (const DatasetPtr& dataset : {memory, files}) {
        Loader loader(dataset, options_of(16, kind, threads));
        ASSERT_EQ(drain(*loader.start(4, 32)), expected);
      }
    }
  }
}

TEST(Loader, RanksTogetherGiveEachRowOnce) {
  for (const uint64_t world_size : {2, 3, 5}) {
    std::vector<uint64_t> seen;
    for (uint64_t rank = 0; rank < world_size; ++rank) {
      LoaderOptions options = options_of(7, Shuffle::Kind::kExact);
      options.split = {
          .batch_size = 7, .world_size = world_size, .rank = rank, .tail = Tail::kExact};
      Loader loader(counted(101), options);
      const Batches batches = drain(*loader.start(1, 0));
      EXPECT_EQ(batches, expected_batches(101, options, 1, 0));
      EXPECT_EQ(batches.size(), loader.batches(0));
      for (const auto& batch : batches) {
        seen.insert(seen.end(), batch.begin(), batch.end());
      }
    }
    std::sort(seen.begin(), seen.end());
    EXPECT_EQ(seen, range(0, 101));
  }
}

TEST(Loader, DropsTheTailWhenAsked) {
  LoaderOptions options = options_of(4);
  options.split.tail = Tail::kDrop;
  Loader loader(counted(11), options);
  EXPECT_EQ(loader.batches(0), 2U);
  const auto pass = loader.start(0, 0);
  EXPECT_EQ(drain(*pass).size(), 2U);
  EXPECT_TRUE(pass->done());
  EXPECT_EQ(pass->position(), 8U);
  options.split.batch_size = 12;
  Loader none(counted(11), options);
  EXPECT_EQ(none.batches(0), 0U);
  EXPECT_TRUE(drain(*none.start(0, 0)).empty());
}

TEST(Loader, StopsAndResumesOnAnotherWorld) {
  const LoaderOptions before = options_of(8, Shuffle::Kind::kExact);
  Loader first(counted(100), before);
  const auto pass = first.start(2, 0);
  std::vector<uint64_t> seen;
  Batch batch;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(next_batch(*pass, batch));
    const auto rows = ids(batch);
    seen.insert(seen.end(), rows.begin(), rows.end());
  }
  ASSERT_EQ(pass->position(), 40U);  // prefetched batches do not count
  for (uint64_t rank = 0; rank < 3; ++rank) {
    LoaderOptions after = options_of(5, Shuffle::Kind::kExact);
    after.split = {.batch_size = 5, .world_size = 3, .rank = rank, .tail = Tail::kExact};
    Loader rest(counted(100), after);
    for (const auto& rows : drain(*rest.start(2, pass->position()))) {
      seen.insert(seen.end(), rows.begin(), rows.end());
    }
  }
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, range(0, 100));
}

TEST(Loader, ClosesAPassWithAReason) {
  Loader loader(counted(100), options_of(4));
  loader.close("nothing to close");
  const auto first = loader.start(0, 0);
  Batch batch;
  ASSERT_TRUE(next_batch(*first, batch));
  loader.close("superseded");
  const auto second = loader.start(1, 0);
  expect_error(ErrorCode::kCancelled, {"superseded"}, [&] { next_batch(*first, batch); });
  EXPECT_EQ(drain(*second).size(), 25U);
  loader.close("over");
  EXPECT_FALSE(next_batch(*second, batch));
}

TEST(Loader, StartsAgainAndAgain) {
  Loader loader(counted(50), options_of(8, Shuffle::Kind::kExact));
  const Batches expected = drain(*loader.start(0, 0));
  EXPECT_EQ(drain(*loader.start(0, 0)), expected);
  EXPECT_NE(drain(*loader.start(1, 0)), expected);
  for (uint64_t i = 0; i < 200; ++i) {
    loader.close("superseded");
    const auto pass = loader.start(0, 0);
    Batch batch;
    ASSERT_TRUE(next_batch(*pass, batch));
    ASSERT_EQ(ids(batch), expected.front());
  }
  loader.close("end");
  EXPECT_TRUE(engine_threads_end());
}

TEST(Loader, APassOutlivesItsLoader) {
  std::shared_ptr<Pass> pass;
  Batch batch;
  {
    Loader loader(counted(50), options_of(8));
    pass = loader.start(0, 0);
    ASSERT_TRUE(next_batch(*pass, batch));
  }
  EXPECT_EQ(drain(*pass).size(), 6U);
  pass.reset();
  EXPECT_EQ(ids(batch), range(0, 8));
}

TEST(Loader, PeeksWithoutUsingAnythingUp) {
  Loader loader(counted(50), options_of(8, Shuffle::Kind::kExact));
  const auto pass = loader.start(3, 8);
  const auto peeked = loader.peek(3, 8);
  ASSERT_TRUE(peeked.has_value());
  EXPECT_EQ(pass->position(), 8U);
  EXPECT_EQ(loader.stats().batches, 0U);
  EXPECT_TRUE(engine_threads().empty());
  Batch batch;
  ASSERT_TRUE(next_batch(*pass, batch));
  EXPECT_EQ(ids(*peeked), ids(batch));
  EXPECT_EQ(ids(*loader.peek(3, 8)), ids(batch));  // also in the middle of a pass
  EXPECT_FALSE(loader.peek(3, 50).has_value());
}

TEST(Loader, PeekFindsACutFileAtOnce) {
  const TempDir dir;
  const DatasetPtr dataset = in_files(dir, "f", {counting("id", 60)}, {60});
  const Loader loader(dataset, options_of(60));
  ASSERT_TRUE(loader.peek(0, 0).has_value());
  std::filesystem::resize_file(dir.path("f-id-0.bin"), 479);  // inside a page: no signal
  expect_error(ErrorCode::kTruncated, {"f-id-0.bin"},
               [&] { static_cast<void>(loader.peek(0, 0)); });
}

TEST(Loader, SumsTheStatsOfItsPasses) {
  Loader loader(counted(50), options_of(8));
  EXPECT_EQ(loader.stats().passes, 0U);
  drain(*loader.start(0, 0));
  EXPECT_EQ(loader.stats().rows, 50U);
  const auto half = loader.start(1, 0);
  Batch batch;
  ASSERT_TRUE(next_batch(*half, batch));
  loader.close("superseded");
  drain(*loader.start(2, 40));
  const LoaderStats stats = loader.stats();
  EXPECT_EQ(stats.passes, 3U);
  EXPECT_EQ(stats.batches, 7U + 1 + 2);
  EXPECT_EQ(stats.rows, 50U + 8 + 10);
  EXPECT_EQ(stats.bytes, 68U * 8);
  EXPECT_EQ(stats.padding, 0U);
  EXPECT_EQ(stats.queue_depth, 0U);
}

TEST(Loader, CountsBatchesFromAnyPosition) {
  const Loader loader(counted(50), options_of(8));
  EXPECT_EQ(loader.batches(0), 7U);
  EXPECT_EQ(loader.batches(8), 6U);
  EXPECT_EQ(loader.batches(49), 1U);
  EXPECT_EQ(loader.batches(50), 0U);
}

TEST(Loader, ReusesItsMemoryFromPassToPass) {
  Loader loader(counted(64), options_of(8, Shuffle::Kind::kSequential, 1));
  std::vector<const std::byte*> addresses;
  for (int i = 0; i < 20; ++i) {
    const auto pass = loader.start(0, 0);
    Batch batch;
    while (next_batch(*pass, batch)) {
      addresses.push_back(batch.columns.front().data(ColumnPart::kValues));
    }
  }
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  EXPECT_LE(addresses.size(), loader.options().prefetch + 3);
}

}  // namespace
}  // namespace headrace
