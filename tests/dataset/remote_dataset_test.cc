#include "dataset/remote_dataset.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

#include "dataset/column_views.h"
#include "dataset/fingerprint.h"
#include "dataset/reader.h"
#include "dataset/shard_pieces.h"
#include "dataset/source_runs.h"
#include "dataset/views.h"
#include "dataset/windows.h"
#include "testing/datasets.h"
#include "testing/earlier_boot.h"
#include "testing/errors.h"
#include "testing/made_dataset.h"
#include "testing/shard_reading.h"
#include "testing/stored_dataset.h"

namespace headrace {
namespace {

namespace fs = std::filesystem;

class RemoteDatasetTest : public testing::Test {
 protected:
  static constexpr uint64_t kRows = 60;

  // Tensors alone, which may be stacked.
  static std::vector<ShardColumn> numbers() {
    std::vector<ShardColumn> columns;
    for (const char* name : {"a", "b", "y"}) {
      const Field field = make_field(name, DType::kInt64, {});
      columns.push_back(make_column(field, kRows, static_cast<uint32_t>(name[0])));
    }
    return columns;
  }

  // How many bytes of shards lie in a cache, of which some may go meanwhile.
  static uint64_t bytes_in(const std::string& cache) {
    uint64_t bytes = 0;
    std::error_code gone;
    for (fs::recursive_directory_iterator at(cache, gone), end; !gone && at != end;
         at.increment(gone)) {
      const auto extension = at->path().extension();
      if (extension == ".shard" || extension == ".part") {
        std::error_code vanished;
        const uint64_t size = at->file_size(vanished);
        bytes += vanished ? 0 : charged_bytes(size);
      }
    }
    return bytes;
  }

  StoredDataset stored_{columns_of_each_kind(kRows), {15, 15, 15, 15}};
};

TEST_F(RemoteDatasetTest, ShowsTheRowsOfTheDirectory) {
  const ServedDataset served(stored_, 4);
  const DatasetPtr& dataset = served.dataset();
  EXPECT_EQ(dataset->rows(), kRows);
  EXPECT_EQ(dataset->file_count(), 4U);
  EXPECT_FALSE(dataset->in_files());
  EXPECT_EQ(dataset->remotes(), std::vector<const RemoteShards*>{served.shards().get()});
  std::vector<uint64_t> rows = range(0, kRows);
  expect_shows_rows(dataset, rows, stored_.columns(), rows);
  std::shuffle(rows.begin(), rows.end(), std::mt19937(3));
  expect_shows_rows(dataset, rows, stored_.columns(), rows);
  EXPECT_EQ(served.store().stats().fetches, 4U);
}

TEST_F(RemoteDatasetTest, OnlyRowsThatAreReadHaveASource) {
  const ServedDataset served(stored_, 4);
  const DatasetPtr view = slice(select(served.dataset(), {1, 0}), 5, 50, 1);
  EXPECT_EQ(shuffle_units(*view)->units(), 4U);
  EXPECT_EQ(shard_rows(*view).size(), 4U);
  EXPECT_EQ(view->file_count(), 4U);
  const RowSpace& space = *served.dataset()->groups().front();
  const auto made = [&] {
    uint64_t count = 0;
    for (uint64_t i = 0; i < space.piece_count(); ++i) {
      count += space.made_source(i) == nullptr ? 0 : 1;
    }
    return count;
  };
  EXPECT_EQ(made(), 1U);  // of its kind, which says what all are
  expect_shows_rows(served.dataset(), {20}, stored_.columns(), {20});
  EXPECT_EQ(made(), 2U);
}

TEST_F(RemoteDatasetTest, RowsInOrderNeedRoomForOneShard) {
  const ServedDataset served(stored_, 1);
  for (uint64_t first = 0; first < kRows; first += 5) {
    const auto rows = range(first, 5);
    expect_shows_rows(served.dataset(), rows, stored_.columns(), rows);
  }
  EXPECT_EQ(served.store().stats().fetches, 4U);
}

TEST_F(RemoteDatasetTest, SaysWhereRowsLie) {
  const auto shards = stored_.open(4);
  const DatasetPtr dataset = dataset_of_remote_shards(shards);
  EXPECT_EQ(dataset->locate(29).file, shards->path(1));
  EXPECT_EQ(dataset->locate(29).row, 14U);
  const auto found = shard_rows(*dataset);
  const auto expected = shard_rows(*stored_.local());
  ASSERT_EQ(found.size(), 4U);
  EXPECT_EQ(found[2].id, expected[2].id);
  EXPECT_EQ(found[2].first, 30U);
}

TEST_F(RemoteDatasetTest, IsTheSameAsItsDirectoryWithoutALook) {
  const auto shards = stored_.open(4);  // which nobody downloads
  const DatasetPtr remote = dataset_of_remote_shards(shards);
  const DatasetPtr local = stored_.local();
  EXPECT_EQ(fingerprint(remote), fingerprint(local));
  EXPECT_EQ(fingerprint(slice(remote, 3, 40, 1)), fingerprint(slice(local, 3, 40, 1)));
  EXPECT_NE(fingerprint(slice(remote, 3, 40, 1)), fingerprint(slice(remote, 4, 40, 1)));
  EXPECT_EQ(shards->store().stats().fetches, 0U);
}

TEST_F(RemoteDatasetTest, StacksAndOtherColumnsTakeTurnsInASmallCache) {
  const StoredDataset stored(numbers(), {15, 15, 15, 15});
  const ServedDataset served(stored, 1);
  const DatasetPtr stacked = stack(served.dataset(), {0, 1}, "x");  // and y
  Reader reader(stacked);
  for (const uint64_t row : {0, 20, 40, 59, 1, 21}) {
    int64_t y = 0;
    std::array<int64_t, 2> x = {};
    const std::vector<uint64_t> rows = {row};
    const std::vector<bool> wanted = {true, false};
    const auto allocate = [&](size_t, ColumnPart, uint64_t) {
      return reinterpret_cast<std::byte*>(x.data());
    };
    // One after the other, and the other way round.
    if (row % 2 == 0) {
      reader.read(rows, {{nullptr, reinterpret_cast<std::byte*>(&y)}});
    }
    reader.read_parts(rows, wanted, allocate);
    reader.read(rows, {{nullptr, reinterpret_cast<std::byte*>(&y)}});
    const auto stored_number = [&](size_t column) {
      int64_t number = 0;
      std::memcpy(&number, stored.columns()[column].values.data() + row * 8, 8);
      return number;
    };
    EXPECT_EQ(x, (std::array{stored_number(0), stored_number(1)})) << row;
    EXPECT_EQ(y, stored_number(2)) << row;
  }
}

TEST_F(RemoteDatasetTest, ViewsShowTheirRows) {
  const StoredDataset stored(numbers(), {15, 15, 15, 15});
  const ServedDataset served(stored, 4);
  const auto same = [&](const auto& view) {
    const DatasetPtr remote = view(served.dataset());
    EXPECT_EQ(all_numbers(remote), all_numbers(view(stored.local())));
  };
  same([](const DatasetPtr& of) { return slice(of, 59, 60, -1); });
  same([](const DatasetPtr& of) {
    return windows(of, {.length = 10, .stride = 5, .within = {}}, [] {});
  });
  same([](const DatasetPtr& of) { return concat({of, slice(of, 5, 20, 1)}, {}); });
  same([](const DatasetPtr& of) { return subset(of, index_buffer({50, 1, 1, 33})); });
  same([&](const DatasetPtr& of) { return zip({of, rename(stored.local(), {"p", "q", "r"})}); });
}

TEST_F(RemoteDatasetTest, TwoShareACacheAndKeepItsLimit) {
  const StoredDataset other(numbers(), {20, 20, 20});
  const TempDir cache;
  const uint64_t room = 3;
  const ServedDataset first(stored_, room, cache.path());
  const ServedDataset second(other, room * stored_.charge() / other.charge(), cache.path());
  std::atomic<bool> done{false};
  std::atomic<uint64_t> most{0};
  std::thread watcher([&] {
    while (!done) {
      most = std::max<uint64_t>(most, bytes_in(cache.path()));
    }
  });
  std::thread reader([&] {
    for (uint64_t row = 0; row < kRows; ++row) {
      expect_shows_rows(second.dataset(), {row}, other.columns(), {row});
    }
  });
  for (uint64_t row = 0; row < kRows; ++row) {
    expect_shows_rows(first.dataset(), {row * 7 % kRows}, stored_.columns(), {row * 7 % kRows});
  }
  reader.join();
  done = true;
  watcher.join();
  EXPECT_GT(most, 0U);
  EXPECT_LE(most, room * stored_.charge());
}

TEST_F(RemoteDatasetTest, ADamagedShardIsAnErrorUntilItIsRepaired) {
  std::atomic<bool> damaged{true};
  const ServedDataset served(stored_, 4, stored_.default_cache(), [&](const FetchJob& job) {
    return damaged && job.request().id == 2 ? Fetchers::Fault::kFlip : Fetchers::Fault::kNone;
  });
  expect_shows_rows(served.dataset(), {0, 59}, stored_.columns(), {0, 59});
  expect_error(ErrorCode::kCorrupt,
               {"shards/" + served.shards()->id(2), "s3://bucket/data", "another hash"}, [&] {
                 RowsRead(served.dataset(), {0, 31});
               });
  damaged = false;
  expect_shows_rows(served.dataset(), {0, 31}, stored_.columns(), {0, 31});
}

TEST_F(RemoteDatasetTest, AWaitEndsWithWhatThePollThrows) {
  const auto shards = stored_.open(4);  // which nobody downloads
  const DatasetPtr dataset = dataset_of_remote_shards(shards);
  Reader reader(dataset);
  Outs outs(*dataset, 1);
  for (size_t c = 3; c < dataset->columns().size(); ++c) {
    outs.skip(c);
  }
  const std::vector<uint64_t> rows = {3};
  const auto stop = [] { throw std::runtime_error("Ctrl-C"); };
  EXPECT_THROW(reader.read(rows, outs.pointers(), stop), std::runtime_error);
  EXPECT_THROW(reader.read_cold(rows, outs.pointers(), 0, stop), std::runtime_error);
}

TEST_F(RemoteDatasetTest, ClosedItWakesWhoWaits) {
  const auto shards = stored_.open(4);
  const DatasetPtr dataset = dataset_of_remote_shards(shards);
  std::thread closer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    shards->store().close();
  });
  expect_error(ErrorCode::kCancelled, {"closed"}, [&] { RowsRead(dataset, {3}); });
  closer.join();
}

TEST_F(RemoteDatasetTest, MoreBatchesThanAShardCanHoldAreRefused) {
  const TempDir dir;
  const DatasetPaths paths(dir.path("d"));
  ShardEntry entry = write_shard(paths, 16);
  entry.rows = uint64_t{1} << 40;
  entry.batch_rows = 1;
  commit_shards(paths, {.schema = number_schema(), .entries = {entry}});
  const auto shards = open_remote_shards(paths, 0, "s3://b/d", {.cache_bytes = 1});
  expect_error(ErrorCode::kCorrupt, {"s3://b/d", entry.id, "record batches"},
               [&] { dataset_of_remote_shards(shards); });
}

// Shards of every kind of column that nobody has stored, of 60 rows.
class MadeRowsTest : public testing::Test {
 protected:
  // Room for `shards` of the largest.
  uint64_t room(uint64_t shards) const { return shards * charged_bytes(made_.bytes(0)); }

  // Leaves the shards of these rows in the cache, as an earlier run does.
  void leave(const std::vector<uint64_t>& rows) {
    const auto shards = made_.open(room(32), true);
    const MadeDatasetForTests::Makers makers(made_, shards);
    expect_shows_rows(dataset_of_remote_shards(shards), rows, made_.columns(), rows);
  }

  MadeDatasetForTests made_{columns_of_each_kind(60), {25, 10, 24, 1}};
};

TEST_F(MadeRowsTest, AreThoseOfWhoeverMakesThem) {
  const auto shards = made_.open(room(32), true);
  const MadeDatasetForTests::Makers makers(made_, shards);
  const DatasetPtr dataset = dataset_of_remote_shards(shards);
  EXPECT_EQ(dataset->rows(), 60U);
  const std::vector<uint64_t> rows = {59, 0, 24, 25, 34, 35, 58, 7, 0};
  expect_shows_rows(dataset, rows, made_.columns(), rows);
  EXPECT_EQ(shards->store().stats().fetches, 4U);
  EXPECT_EQ(shards->id(2), "s2");
  EXPECT_EQ(shards->path(2), "shard s2 of load");
}

TEST_F(MadeRowsTest, AreKnownByWhoMakesThemWhateverTheirSizeIsThoughtToBe) {
  const auto id_of = [&](const MadeShards::Seen& seen) {
    return fingerprint(dataset_of_remote_shards(made_.open(room(32), true, seen)));
  };
  EXPECT_EQ(id_of({.row_bytes = 1, .bytes = 1}), id_of({.row_bytes = 900, .bytes = 9000}));
}

TEST_F(MadeRowsTest, AreMadeAgainWhereThereIsNoRoomToKeepThem) {
  const auto shards = made_.open(room(2), true);
  const MadeDatasetForTests::Makers makers(made_, shards);
  const DatasetPtr dataset = dataset_of_remote_shards(shards);
  for (uint64_t row = 0; row < 2 * 60; ++row) {
    expect_shows_rows(dataset, {row * 7 % 60}, made_.columns(), {row * 7 % 60});
  }
  EXPECT_GT(shards->store().stats().refetches, 0U);
}

TEST_F(MadeRowsTest, AreFoundByWhoComesLater) {
  leave({0, 30});
  const auto shards = made_.open(room(32), true);  // that nobody makes
  expect_shows_rows(dataset_of_remote_shards(shards), {1, 31}, made_.columns(), {1, 31});
  EXPECT_EQ(shards->store().stats().hits, 2U);
}

TEST_F(MadeRowsTest, ThatDoNotFitTheCacheAtAllAreAnError) {
  const auto shards = made_.open(4096, true);
  const MadeDatasetForTests::Makers makers(made_, shards);
  const DatasetPtr dataset = dataset_of_remote_shards(shards);
  expect_error(ErrorCode::kInvalid, {"one shard alone has", "cache_bytes"},
               [&] { RowsRead(dataset, {0}); });
}

TEST_F(MadeRowsTest, OfAnotherNumberThanExpectedAreAnError) {
  leave({0});
  MadeDataset other{.id = {7}, .origin = "load", .schema = schema_of(made_.columns())};
  other.shards.push_back(
      {.id = {1},
       .known = {.name = "s0", .rows = 26, .batch_rows = MadeDatasetForTests::kBatchRows}});
  const auto shards =
      make_remote_shards(other, {.cache_directory = made_.cache(), .cache_bytes = room(32)});
  const DatasetPtr dataset = dataset_of_remote_shards(shards);
  expect_error(ErrorCode::kInvalid, {"shard s0 of load", "had 25 rows", "26 are expected"},
               [&] { RowsRead(dataset, {0}); });
}

TEST_F(MadeRowsTest, OfAnEarlierBootAreCheckedByTheirOwnHashes) {
  leave({0, 26});
  for (const auto& file : fs::directory_iterator(restart_machine(made_.cache()))) {
    if (file.file_size() == made_.bytes(1)) {
      std::fstream damaged(file.path(), std::ios::binary | std::ios::in | std::ios::out);
      damaged.seekp(static_cast<std::streamoff>(file.file_size() / 2));
      damaged.put('\x55');
    }
  }
  const auto shards = made_.open(room(32), true);
  const MadeDatasetForTests::Makers makers(made_, shards);
  expect_shows_rows(dataset_of_remote_shards(shards), {0, 26}, made_.columns(), {0, 26});
  EXPECT_EQ(makers.made(0), 0) << "it was right";
  EXPECT_GT(makers.made(1), 0) << "it was damaged";
}

TEST(MadeDataset, RefusesWhatCannotBeCounted) {
  const auto make = [](uint64_t rows, uint64_t batch_rows) {
    MadeDataset made{.origin = "load", .schema = {{.name = "x"}}};
    for (int i = 0; i < 2; ++i) {
      made.shards.push_back({.known = {.name = "a", .rows = rows, .batch_rows = batch_rows}});
    }
    make_remote_shards(std::move(made), {.cache_bytes = 1});
  };
  expect_error(ErrorCode::kInvalid, {"load", "2^62"}, [&] { make(uint64_t{1} << 62, 1); });
  expect_error(ErrorCode::kInvalid, {"record batch"}, [&] { make(1, 0); });
}

}  // namespace
}  // namespace headrace
