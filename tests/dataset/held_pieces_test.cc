#include "dataset/held_pieces.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/remote_shards.h"
#include "dataset/views.h"
#include "testing/datasets.h"
#include "testing/errors.h"
#include "testing/made_dataset.h"
#include "testing/shard_reading.h"
#include "testing/stored_dataset.h"

namespace headrace {
namespace {

// Three shards of two record batches each: pieces 0 and 1, 2 and 3, 4 and 5.
class HeldPiecesTest : public testing::Test {
 protected:
  using Pieces = std::vector<uint32_t>;

  // What a reader has for its pieces.
  struct Holder {
    explicit Holder(const DatasetPtr& of)
        : held(*of, [this](HeldPieces::Name name) { dropped.push_back(name.piece); }) {}

    void hold(const Pieces& pieces) {
      held.hold(
          0, pieces, [this] { ++waits; }, [] {});
    }
    bool holds(uint32_t piece) const { return held.opened({0, piece}) != nullptr; }

    Pieces dropped;
    int waits = 0;
    HeldPieces held;
  };

  static void no_poll() {}

  StoredDataset stored_{columns_of_each_kind(45), {15, 15, 15}};
};

TEST_F(HeldPiecesTest, WaitForWhatIsMissingAndHoldNothingMeanwhile) {
  const ServedDataset served(stored_, 2);
  Holder holder(served.dataset());
  holder.hold({0, 1});
  EXPECT_EQ(holder.waits, 1);
  EXPECT_TRUE(holder.holds(0) && holder.holds(1));
  holder.hold({1});
  EXPECT_EQ(holder.waits, 1) << "it is held already";
  // There is room for these two shards, but not for the first one beside them.
  holder.hold({2, 4});
  EXPECT_GE(holder.waits, 2);
  std::sort(holder.dropped.begin(), holder.dropped.end());
  EXPECT_EQ(Pieces(holder.dropped.begin(), holder.dropped.begin() + 2), (Pieces{0, 1}));
  EXPECT_TRUE(holder.holds(2) && holder.holds(4));
  EXPECT_FALSE(holder.holds(0) || holder.holds(3));
}

TEST_F(HeldPiecesTest, MoreAtOnceThanTheCacheHoldsIsRefused) {
  const ServedDataset served(stored_, 2);
  Holder holder(served.dataset());
  holder.hold({0});
  expect_error(ErrorCode::kInvalid, {"3 shards", "s3://bucket/data", "cache_bytes", "ShardShuffle"},
               [&] {
                 holder.hold({0, 2, 4});
               });
  EXPECT_FALSE(holder.holds(0));
  EXPECT_EQ(served.store().describe(2), "") << "it is not wanted any more";
  holder.hold({0, 2});
}

// Shards of text, whose sizes nobody knows before they are made: two record batches each.
class HeldMadePiecesTest : public HeldPiecesTest {
 protected:
  uint64_t room() const { return charged_bytes(made_.bytes(0)) + charged_bytes(made_.bytes(1)); }

  // Holds a piece of both, where a row was thought to have `row_bytes`.
  void hold(uint64_t cache_bytes, uint64_t row_bytes) const {
    const auto shards =
        made_.open(cache_bytes, true, {.row_bytes = row_bytes, .bytes = 16 * row_bytes});
    const MadeDatasetForTests::Makers makers(made_, shards);
    const DatasetPtr dataset = dataset_of_remote_shards(shards);
    Holder holder(dataset);
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    holder.held.hold(
        0, Pieces{0, 2}, [] {},
        [&] {
          if (std::chrono::steady_clock::now() > until) {
            throw std::runtime_error("it still waits");
          }
        });
    EXPECT_TRUE(holder.holds(0) && holder.holds(2));
  }

  MadeDatasetForTests made_{columns_of_each_kind(32), {16, 16}};
};

TEST_F(HeldMadePiecesTest, WhatTurnsOutToBeTooMuchIsRefusedAndNotWaitedFor) {
  for (const uint64_t row_bytes : {1, 100'000}) {
    expect_error(ErrorCode::kInvalid, {"2 shards", "cache_bytes"},
                 [&] { hold(room() - charged_bytes(1), row_bytes); });
  }
}

TEST_F(HeldMadePiecesTest, WhatIsOnlyThoughtToBeTooMuchIsHeld) {
  for (const uint64_t row_bytes : {1, 100'000}) {
    hold(room(), row_bytes);
  }
}

TEST_F(HeldPiecesTest, AWaitThatIsStoppedWantsNothingAnyMore) {
  const auto shards = stored_.open(3);
  const DatasetPtr dataset = dataset_of_remote_shards(shards);  // that nobody downloads
  Holder holder(dataset);
  EXPECT_THROW(holder.held.hold(
                   0, Pieces{0, 2}, [] {}, [] { throw std::runtime_error("Ctrl-C"); }),
               std::runtime_error);
  EXPECT_EQ(shards->store().describe(0), "");
  EXPECT_EQ(shards->store().describe(1), "");
}

// The cache is full of what somebody with the turn has waited for, and nobody holds: only who has
// the turn may take its room.
TEST_F(HeldPiecesTest, WhoWaitsTakesTheTurnWhenItIsFree) {
  const ServedDataset served(stored_, 1);
  const auto begin = std::chrono::steady_clock::now();
  auto held = served.store().wait(1, no_poll);
  const auto give_back_later = [&] {
    if (std::chrono::steady_clock::now() - begin > std::chrono::seconds(1)) {
      held.reset();
    }
  };
  static_cast<void>(served.store().wait(0, give_back_later, [] { return true; }));
  std::unique_ptr<const WaitingTurn> turn = served.store().take_turn();
  ASSERT_NE(turn, nullptr);
  Holder holder(served.dataset());
  holder.held.hold(
      0, Pieces{2}, [] {},
      [&] {
        turn.reset();
        if (std::chrono::steady_clock::now() - begin > std::chrono::seconds(20)) {
          throw std::runtime_error("it still waits");
        }
      });
  EXPECT_TRUE(holder.holds(2));
}

// Two datasets that read two shards at a time, from a cache with room for two.
class TwoDatasets : public HeldPiecesTest {
 protected:
  ServedDataset serve(const StoredDataset& stored) const {
    return {stored, 2, stored_.default_cache()};
  }

  // Throws where somebody waits for ever.
  std::function<void()> patience() const {
    return [until = std::chrono::steady_clock::now() + std::chrono::seconds(60)] {
      if (std::chrono::steady_clock::now() > until) {
        throw std::runtime_error("it still waits");
      }
    };
  }

  StoredDataset other_{columns_of_each_kind(45), {15, 15, 15}};
};

TEST_F(TwoDatasets, DoNotWaitForEachOther) {
  const ServedDataset one = serve(stored_);
  const ServedDataset two = serve(other_);
  constexpr uint32_t kRounds = 20;
  std::atomic<uint32_t> rounds{0};
  std::vector<std::thread> threads;
  for (const ServedDataset* served : {&one, &two, &one, &two}) {
    threads.emplace_back([&, served] {
      Holder holder(served->dataset());
      for (uint32_t i = 0; i < kRounds; ++i) {
        const Pieces pieces = {i % 3 * 2, (i + 1) % 3 * 2};
        try {
          holder.held.hold(
              0, pieces, [] {}, patience());
          rounds += holder.holds(pieces[0]) && holder.holds(pieces[1]) ? 1 : 0;
        } catch (const std::runtime_error& error) {
          ADD_FAILURE() << error.what();
          return;
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(rounds, 4 * kRounds);
}

TEST_F(TwoDatasets, ThatAreReadTogetherNeedRoomTogether) {
  const ServedDataset one = serve(stored_);
  const ServedDataset two = serve(other_);
  const DatasetPtr both = concat({one.dataset(), two.dataset()}, {});
  Holder holder(both);
  holder.held.hold(
      0, Pieces{0, 6}, [] {}, patience());
  EXPECT_TRUE(holder.holds(0) && holder.holds(6));
  expect_error(ErrorCode::kInvalid, {"3 shards", "s3://bucket/data and s3://bucket/data"}, [&] {
    holder.held.hold(
        0, Pieces{0, 2, 6}, [] {}, patience());
  });
}

TEST_F(HeldPiecesTest, WhatIsRetiredIsDropped) {
  const ServedDataset served(stored_, 3);
  Holder holder(served.dataset());
  holder.hold({0, 1, 2});
  holder.held.drop_retired();
  EXPECT_TRUE(holder.holds(0) && holder.holds(2));
  holder.dropped.clear();
  served.shards()->retire(0, kNoKnownUse);
  holder.held.drop_retired();
  std::sort(holder.dropped.begin(), holder.dropped.end());
  EXPECT_EQ(holder.dropped, (Pieces{0, 1}));
  EXPECT_FALSE(holder.holds(0) || holder.holds(1));
  EXPECT_TRUE(holder.holds(2));
}

TEST_F(HeldPiecesTest, FindTheMapOfAnAddress) {
  const ServedDataset served(stored_, 3);
  Holder holder(served.dataset());
  holder.hold({0, 2});
  const std::byte* rows = holder.held.opened({0, 2})->columns[0].rows;
  const MappedFile* map = holder.held.map_at(rows);
  ASSERT_NE(map, nullptr);
  EXPECT_TRUE(map->contains(rows));
  EXPECT_EQ(holder.held.map_at(&holder), nullptr);
  holder.held.drop_all();
  EXPECT_EQ(holder.held.map_at(rows), nullptr);
}

TEST_F(HeldPiecesTest, SeeAFileThatBecameShorter) {
  const ServedDataset served(stored_, 3);
  Holder holder(served.dataset());
  holder.hold({0});
  EXPECT_NO_THROW(holder.held.check_files());
  const MappedFile* map = holder.held.opened({0, 0})->map_of(0);
  std::filesystem::resize_file(map->path(), map->size() - 1);
  expect_error(ErrorCode::kTruncated, {map->path()}, [&] { holder.held.check_files(); });
}

TEST_F(HeldPiecesTest, PiecesOfOtherSourcesAreOpenedAndStaySo) {
  const ServedDataset served(stored_, 3);
  const DatasetPtr both = concat({stored_.local(), served.dataset()}, {});
  Holder holder(both);
  holder.hold({0, 6});
  EXPECT_TRUE(holder.holds(0) && holder.holds(6));
  holder.held.drop_all();
  EXPECT_TRUE(holder.holds(0)) << "it is a file";
  EXPECT_FALSE(holder.holds(6));
}

}  // namespace
}  // namespace headrace
