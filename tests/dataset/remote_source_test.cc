#include "dataset/remote_source.h"

#include <cstring>

#include <gtest/gtest.h>

#include "dataset/shard_source.h"
#include "testing/errors.h"
#include "testing/shard_reading.h"
#include "testing/stored_dataset.h"

namespace headrace {
namespace {

class RemoteSources : public testing::Test {
 protected:
  static const Source& source_of(const DatasetPtr& dataset, uint64_t piece) {
    return *dataset->groups().front()->piece(piece).source;
  }

  StoredDataset stored_{columns_of_each_kind(30), {15, 15}};
};

TEST_F(RemoteSources, AreThereWhileSomebodyHoldsThem) {
  const ServedDataset served(stored_, 2);
  const Source& source = source_of(served.dataset(), 3);
  EXPECT_TRUE(source.is_transient());
  EXPECT_EQ(source.hold(), nullptr);
  source.fetch([] {});
  const auto open = source.hold();
  ASSERT_NE(open, nullptr);
  EXPECT_EQ(open->columns[0].stride, 8);
  const DatasetPtr local = stored_.local();
  EXPECT_EQ(std::memcmp(open->columns[0].rows, source_of(local, 3).open().columns[0].rows, 7 * 8),
            0);
  EXPECT_EQ(source.opened(), nullptr);
  expect_error(ErrorCode::kUnsupported, {"come and go"}, [&] { source.open(); });
}

TEST_F(RemoteSources, SayWhatLocalOnesSay) {
  const ServedDataset served(stored_, 2);
  const DatasetPtr local = stored_.local();
  for (uint64_t piece = 0; piece < 4; ++piece) {
    const Source& source = source_of(served.dataset(), piece);
    const Source& other = source_of(local, piece);
    EXPECT_EQ(source.rows(), other.rows());
    EXPECT_EQ(source.first_row_in_file(), other.first_row_in_file());
    for (size_t c = 0; c < local->columns().size(); ++c) {
      EXPECT_EQ(source.dtype(c), other.dtype(c));
      EXPECT_EQ(source.index_dtype(c), other.index_dtype(c));
      EXPECT_EQ(source.variable_bytes(c), other.variable_bytes(c));
    }
  }
  const Source& first = source_of(served.dataset(), 0);
  EXPECT_EQ(first.file(0), served.shards()->path(0));
  EXPECT_FALSE(first.in_files());
  EXPECT_EQ(first.place(), (ShardPlace{served.shards().get(), 0}));
  EXPECT_EQ(first.place(), source_of(served.dataset(), 1).place());
  EXPECT_NE(first.place(), source_of(served.dataset(), 2).place());
  EXPECT_NE(first.place(), source_of(local, 0).place());
}

TEST_F(RemoteSources, ReadByCallsWhatIsHeld) {
  const ServedDataset served(stored_, 2);
  const Source& source = source_of(served.dataset(), 1);
  OpenFiles files;
  std::vector<std::byte> rows(2 * 6);
  expect_error(ErrorCode::kUnsupported, {"come and go", served.shards()->path(0)},
               [&] { source.read(1, 3, 2, rows.data(), files); });
  source.fetch([] {});
  const auto held = source.hold();
  source.read_held(*held, 1, 3, 2, rows.data(), files);
  const auto& expected = stored_.columns()[1].values;
  EXPECT_EQ(rows, std::vector(expected.begin() + 11 * 6, expected.begin() + 13 * 6));
  std::vector<std::byte> offsets(2 * sizeof(int64_t));
  const uint64_t size = held->variable[3].offset_size;
  source.read_part_held(*held, 3, ColumnPart::kOffsets, 0, 2, offsets.data(), files);
  EXPECT_EQ(std::memcmp(offsets.data(), held->variable[3].offsets, 2 * size), 0);
}

TEST_F(RemoteSources, WhatIsHeldIsReadWhateverBecomesOfTheShard) {
  const ServedDataset served(stored_, 2);
  const Source& source = source_of(served.dataset(), 1);
  source.fetch([] {});
  const auto held = source.hold();
  served.shards()->retire(0, kNoKnownUse);
  const uint64_t jobs = served.store().stats().fetches;
  OpenFiles files;
  std::vector<std::byte> rows(2 * 6);
  source.read_held(*held, 1, 3, 2, rows.data(), files);
  const auto& expected = stored_.columns()[1].values;
  EXPECT_EQ(rows, std::vector(expected.begin() + 11 * 6, expected.begin() + 13 * 6));
  EXPECT_EQ(served.store().describe(0), "") << "it is not wanted anew";
  EXPECT_EQ(served.store().stats().fetches, jobs);
}

}  // namespace
}  // namespace headrace
