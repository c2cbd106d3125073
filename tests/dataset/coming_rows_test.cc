#include "dataset/coming_rows.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "dataset/views.h"
#include "testing/datasets.h"
#include "testing/page_cache.h"
#include "testing/shard_reading.h"
#include "testing/stored_dataset.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

constexpr uint64_t kRows = 256 * 1024;  // 2 MiB of int64

TEST(ComingRows, AreAskedForOnceAndNoMoreOfThemThanAllowed) {
  const TempDir dir;
  const DatasetPtr dataset = in_files(dir, "f", {counting("id", kRows)}, {kRows / 2, kRows / 2});
  EXPECT_EQ(ask_for_rows(*dataset, UINT64_MAX), kRows * 8);
  EXPECT_EQ(ask_for_rows(*dataset, kRows * 4 + 10), kRows * 4 + 10);
  EXPECT_EQ(ask_for_rows(*dataset, 0), 0U);
  EXPECT_EQ(ask_for_rows(*slice(dataset, 10, 20, 1), UINT64_MAX), 160U);
  EXPECT_EQ(ask_for_rows(*in_memory({counting("id", 5)}), UINT64_MAX), 0U);
}

TEST(ComingRows, GetIntoMemoryWithoutBeingRead) {
  const TempDir dir;
  const DatasetPtr dataset = in_files(dir, "f", {counting("id", kRows)}, {kRows});
  const std::string path = dir.path("f-id-0.bin");
  if (!drop_pages(path)) {
    GTEST_SKIP() << "files are memory here";
  }
  ask_for_rows(*dataset, UINT64_MAX);
  EXPECT_TRUE(wait_for_pages(path, kRows * 8 / 4096));
}

TEST(ComingRows, ThatAreGoneAreLeftOut) {
  const TempDir dir;
  const DatasetPtr dataset = in_files(dir, "f", {counting("id", 100)}, {50, 50});
  std::filesystem::remove(dir.path("f-id-0.bin"));
  EXPECT_EQ(ask_for_rows(*dataset, UINT64_MAX), 400U);
}

class ComingShardsTest : public testing::Test {
 protected:
  // Waits until as many shards were fetched.
  static bool wait_for_fetches(const ServedDataset& served, uint64_t count) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (served.store().stats().fetches < count && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // for one too many
    return served.store().stats().fetches == count;
  }

  StoredDataset stored_{columns_of_each_kind(60), {15, 15, 15, 15}};
};

TEST_F(ComingShardsTest, AreFetchedBeforeTheyAreRead) {
  const ServedDataset served(stored_, 4);
  const ComingShards coming(slice(served.dataset(), 20, 20, 1));  // of shards 1 and 2
  EXPECT_EQ(coming.size(), 2U);
  EXPECT_TRUE(wait_for_fetches(served, 2));
  const auto rows = range(20, 20);
  expect_shows_rows(served.dataset(), rows, stored_.columns(), rows);
  EXPECT_EQ(served.store().stats().fetches, 2U);
  EXPECT_EQ(served.store().stats().waits, 0U);
}

TEST_F(ComingShardsTest, AreNoMoreThanTheCacheHolds) {
  const ServedDataset served(stored_, 2);
  const ComingShards coming(served.dataset());
  EXPECT_EQ(coming.size(), 2U);
  EXPECT_TRUE(wait_for_fetches(served, 2));
}

TEST_F(ComingShardsTest, LeaveTheirRoomToWhatIsReadNow) {
  const ServedDataset served(stored_, 1);
  const ComingShards coming(slice(served.dataset(), 15, 15, 1));
  EXPECT_TRUE(wait_for_fetches(served, 1));
  expect_shows_rows(served.dataset(), {0}, stored_.columns(), {0});
  EXPECT_EQ(served.store().stats().waits, 1U);
}

TEST_F(ComingShardsTest, AreNotWantedAnyMoreWhenNobodyReadsThem) {
  const auto shards = stored_.open(4);  // which nobody downloads
  {
    const ComingShards coming(dataset_of_remote_shards(shards));
    EXPECT_NE(shards->store().describe(3), "");
  }
  for (uint64_t shard = 0; shard < 4; ++shard) {
    EXPECT_EQ(shards->store().describe(shard), "");
  }
}

TEST_F(ComingShardsTest, OfChosenRowsAndOfFilesAreNone) {
  const ServedDataset served(stored_, 4);
  EXPECT_EQ(ComingShards(subset(served.dataset(), index_buffer({50, 1}))).size(), 0U);
  EXPECT_EQ(ComingShards(stored_.local()).size(), 0U);
}

}  // namespace
}  // namespace headrace
