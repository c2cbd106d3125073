#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/source_runs.h"
#include "dataset/views.h"
#include "engine/loader.h"
#include "engine/pass.h"
#include "testing/datasets.h"
#include "testing/errors.h"
#include "testing/loading.h"

// Passes that follow one another give what they give one by one: a pass that is prepared while
// another goes on, in the loader that both are of.
namespace headrace {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSoon{5};

DatasetPtr counted(uint64_t rows) { return in_memory({counting("id", rows)}); }

// Waits until so many batches are ready, and a moment more, in which there might be others.
uint64_t depth_after_a_while(const Pass& pass, uint64_t expected) {
  for (int i = 0; i < 2000 && pass.stats().queue_depth < expected; ++i) {
    std::this_thread::sleep_for(milliseconds(1));
  }
  std::this_thread::sleep_for(2 * kSoon);
  return pass.stats().queue_depth;
}

TEST(NextPass, MakesNoMoreBatchesBeforeItIsAskedThanItMay) {
  LoaderOptions options = options_of(4);
  options.prefetch = 8;
  Loader loader(counted(40), options);
  const auto pass = loader.start(0, 0);
  pass->prepare(2);
  EXPECT_EQ(depth_after_a_while(*pass, 2), 2U);
  EXPECT_FALSE(pass->asked());
  EXPECT_EQ(pass->position(), 0U);
  pass->prepare(5);
  EXPECT_EQ(depth_after_a_while(*pass, 5), 5U);
  Batch batch;
  for (uint64_t number = 0; number < 10; ++number) {
    ASSERT_EQ(pass->next(batch, std::chrono::seconds(10)), Pass::Next::kBatch);
    EXPECT_EQ(batch.number, number);
    pass->prepare(0);  // no limit any more
  }
  EXPECT_EQ(pass->next(batch, kSoon), Pass::Next::kEnd);
}

TEST(NextPass, ThatWasPreparedIsClosedLikeAnyOther) {
  Loader loader(counted(40), options_of(4));
  const auto pass = loader.start(0, 0);
  pass->prepare(1);
  pass->close("over");
  Batch batch;
  expect_error(ErrorCode::kCancelled, {"over"}, [&] { pass->next(batch, kSoon); });
  expect_error(ErrorCode::kCancelled, {"over"}, [&] {
    const auto closed = loader.start(1, 0);
    closed->close("over");
    closed->prepare(1);
  });
}

TEST(NextPass, PreparesTheNextPassWhileTheLastGoesOn) {
  Loader loader(counted(50), options_of(8, Shuffle::Kind::kExact));
  const auto first = loader.start(0, 0);
  Batch batch;
  ASSERT_TRUE(next_batch(*first, batch));
  const auto second = loader.start_next(1, 0);
  second->prepare(1);
  EXPECT_EQ(loader.last_pass(), first);
  EXPECT_EQ(drain(*first).size(), 6U) << "it goes on";
  loader.advance();
  EXPECT_EQ(loader.last_pass(), second);
  EXPECT_EQ(loader.next_pass(), nullptr);
  EXPECT_EQ(drain(*second), expected_batches(50, loader.options(), 1, 0));
  EXPECT_EQ(loader.stats().passes, 2U);
  EXPECT_EQ(loader.stats().rows, 100U);
}

TEST(NextPass, ClosesTheNextPassWithTheLast) {
  Loader loader(counted(50), options_of(8));
  const auto first = loader.start(0, 0);
  const auto second = loader.start_next(1, 0);
  second->prepare(2);
  loader.close("over");
  EXPECT_FALSE(first->live());
  EXPECT_FALSE(second->live());
  loader.start(2, 0);
  EXPECT_EQ(loader.next_pass(), nullptr) << "it was the next of another pass";
}

TEST(NextPass, GoesOnWithOtherRowsOfTheSameColumns) {
  Loader loader(counted(50), options_of(50));
  const auto running = loader.start(0, 0);
  loader.use(slice(counted(100), 25, 50, 1));
  EXPECT_EQ(loader.dataset().rows(), 50U);
  EXPECT_EQ(drain(*running).front().front(), 0U) << "what was started goes on as it was";
  EXPECT_EQ(drain(*loader.start(1, 0)).front().front(), 25U);
  expect_error(ErrorCode::kInvalid, {"50 rows", "51 rows"}, [&] { loader.use(counted(51)); });
  expect_error(ErrorCode::kInvalid, {"other columns"},
               [&] { loader.use(in_memory({counting("other", 50)})); });
}

TEST(NextPass, OfAShardShuffleHasTheShardsOfItsOwnRows) {
  LoaderOptions options = options_of(50, Shuffle::Kind::kShards);
  options.shuffle.window = 2;
  options.shuffle.lanes = 1;
  const auto cut = [](uint64_t at) {  // the same rows in two arrays
    return concat({slice(counted(50), 0, at, 1), slice(counted(50), at, 50 - at, 1)});
  };
  const auto batches = [&](const DatasetPtr& dataset, const DatasetPtr& next) {
    options.shuffle.units = shuffle_units(*dataset);
    Loader loader(dataset, options);
    loader.use(next);
    return drain(*loader.start(1, 0));
  };
  EXPECT_EQ(batches(cut(10), cut(40)), batches(cut(40), cut(40)));
  EXPECT_NE(batches(cut(10), cut(40)), batches(cut(10), cut(10)));
}

}  // namespace
}  // namespace headrace
