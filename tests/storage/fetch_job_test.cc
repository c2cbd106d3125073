#include "storage/fetch_job.h"

#include <chrono>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "storage/fetch_queue.h"
#include "testing/child_process.h"
#include "testing/errors.h"
#include "testing/fetching.h"

namespace headrace {
namespace {

using std::chrono::milliseconds;

class FetchJobTest : public testing::Test {
 protected:
  std::unique_ptr<FetchJob> take() { return queue_->take(milliseconds(0)); }

  std::unique_ptr<FetchJob> job_of(uint64_t bytes) {
    queue_->push({.id = 1, .bytes = bytes, .name = "shards/one"});
    return take();
  }

  FakeKeeper keeper_;
  HandClock clock_;
  std::shared_ptr<FetchQueue> queue_ = FetchQueue::make(
      keeper_.hooks(),
      {.range_bytes = 4, .clock = clock_.clock(), .origin = "https://u:SECRET@host/d?k=SECRET"});
};

TEST_F(FetchJobTest, IsARangeOfAnObject) {
  const auto first = job_of(10);
  const auto second = take();
  const auto third = take();
  EXPECT_EQ(take(), nullptr);
  EXPECT_EQ(first->offset(), 0U);
  EXPECT_EQ(second->offset(), 4U);
  EXPECT_EQ(third->offset(), 8U);
  EXPECT_EQ(third->bytes(), 2U);
  EXPECT_FALSE(first->is_whole());
  const std::string path = keeper_.files[1].lock()->path();
  third->write(8, some_bytes(2, 'c'));
  second->write(4, some_bytes(3, 'b'));
  second->write(7, some_bytes(1, 'B'));
  first->write(0, some_bytes(4, 'a'));
  first->done("v1");
  second->done("v1");
  EXPECT_TRUE(keeper_.admitted.empty());
  third->done("v1");
  EXPECT_EQ(keeper_.admitted.size(), 1U);
  std::ifstream file(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "aaaabbbBcc");
  EXPECT_EQ(queue_->counters().bytes, 10U);
}

TEST_F(FetchJobTest, TakesBytesInOrderOnly) {
  const auto job = job_of(4);
  job->write(0, some_bytes(1));
  for (const uint64_t offset : {0, 2, 4}) {
    expect_error(ErrorCode::kInvalid, {"shards/one", "1 are next"},
                 [&] { job->write(offset, some_bytes(1)); });
  }
  job->write(1, some_bytes(3));
  job->done("");
  EXPECT_EQ(keeper_.admitted.size(), 1U);
  expect_error(ErrorCode::kInvalid, {"has ended"}, [&] { job->done(""); });
}

TEST_F(FetchJobTest, TooManyOrTooFewBytesAreAFailedTry) {
  auto job = job_of(4);
  expect_error(ErrorCode::kCorrupt, {"more than the 4 bytes"},
               [&] { job->write(0, some_bytes(5)); });
  clock_.go(milliseconds(100));
  job = take();
  ASSERT_NE(job, nullptr);
  job->write(0, some_bytes(3));
  job->done("");
  EXPECT_NE(queue_->describe(1).find("sent 3 bytes of the 4"), std::string::npos);
  EXPECT_EQ(queue_->counters().retries, 2U);
  EXPECT_TRUE(keeper_.admitted.empty());
}

TEST_F(FetchJobTest, ThatIsDroppedIsAFailedTry) {
  job_of(4).reset();
  EXPECT_EQ(queue_->counters().retries, 1U);
  EXPECT_EQ(take(), nullptr);
  clock_.go(milliseconds(100));
  EXPECT_NE(take(), nullptr);
}

TEST_F(FetchJobTest, OfChangedObjectsStartsOver) {
  auto first = job_of(10);
  const auto second = take();
  const auto third = take();
  first->write(0, some_bytes(4));
  second->write(4, some_bytes(4));
  first->done("v1");
  second->done("v2");
  expect_error(ErrorCode::kCancelled, {"nobody waits"}, [&] { third->write(8, some_bytes(2)); });
  EXPECT_NE(queue_->describe(1).find("was changed"), std::string::npos);
  clock_.go(milliseconds(100));
  for (int i = 0; i < 3; ++i) {
    const auto job = take();
    ASSERT_NE(job, nullptr);
    job->write(job->offset(), some_bytes(job->bytes()));
    job->done("v2");
  }
  EXPECT_EQ(keeper_.admitted.size(), 1U);
}

TEST_F(FetchJobTest, NobodyWantsTakesNoBytesAndKeepsNoFile) {
  auto job = job_of(4);
  queue_->drop(1);
  EXPECT_TRUE(keeper_.files[1].expired()) << "whoever has the job may wait for the store for long";
  expect_error(ErrorCode::kCancelled, {"shards/one"}, [&] { job->write(0, some_bytes(4)); });
  job->fail("too late", {});
  EXPECT_EQ(queue_->counters().failed, 0U);
}

TEST_F(FetchJobTest, NamesNoSecret) {
  auto job = job_of(4);
  job->fail("GET https://u:SECRET@host/d/shards/one?sig=SECRET: 403",
            {.code = ErrorCode::kNotFound, .retryable = false});
  const Error error = expect_error(ErrorCode::kNotFound, {"shards/one", "https://host/d", "403"},
                                   [&] { queue_->wait(1, milliseconds(0)); });
  EXPECT_EQ(std::string(error.what()).find("SECRET"), std::string::npos) << error.what();
}

TEST_F(FetchJobTest, MayBeDroppedInAChild) {
  auto job = job_of(4);
  ChildProcess child([&] {
    job.reset();
    return 0;
  });
  EXPECT_EQ(child.wait(), 0);
  job->write(0, some_bytes(4));
  job->done("");
  EXPECT_EQ(keeper_.admitted.size(), 1U);
}

TEST_F(FetchJobTest, OutlivesItsQueue) {
  auto job = job_of(4);
  queue_->close();
  queue_.reset();
  expect_error(ErrorCode::kCancelled, {}, [&] { job->write(0, some_bytes(4)); });
}

// What is made: at most 10 bytes.
class MadeJobTest : public FetchJobTest {
 protected:
  void want(uint64_t bytes = 10) {
    queue_->push({.id = 1, .bytes = bytes, .name = "a", .made = true});
  }
};

TEST_F(MadeJobTest, IsOfTheWholeAndMayHaveFewerBytes) {
  want();
  const auto job = take();
  EXPECT_TRUE(job->is_whole()) << "ranges are of 4 bytes";
  job->write(0, some_bytes(3));
  job->write(3, some_bytes(4));
  job->done("");
  EXPECT_EQ(keeper_.admitted, (std::vector<uint64_t>{1}));
  EXPECT_EQ(keeper_.admitted_bytes, (std::vector<uint64_t>{7}));
  EXPECT_FALSE(queue_->wait(1, milliseconds(0)));
}

TEST_F(MadeJobTest, MayBeGivenLessRoomThanWasThought) {
  keeper_.most_room = 6;
  want();
  const auto job = take();
  EXPECT_EQ(job->bytes(), 6U);
  EXPECT_TRUE(job->is_whole());
  expect_error(ErrorCode::kCorrupt, {}, [&] { job->write(0, some_bytes(7)); });
}

TEST_F(MadeJobTest, AsksForMoreRoomAndIsGivenAnother) {
  want();
  const auto job = take();
  job->write(0, some_bytes(8));
  job->ask_for(25);
  EXPECT_TRUE(keeper_.files[1].expired()) << "the room was given back";
  expect_error(ErrorCode::kInvalid, {"has ended"}, [&] { job->write(8, some_bytes(1)); });
  const auto again = take();
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(again->bytes(), 25U);
  EXPECT_TRUE(again->request().outgrown);
  again->write(0, some_bytes(25));
  again->done("");
  EXPECT_EQ(keeper_.admitted_bytes, (std::vector<uint64_t>{25}));
  EXPECT_EQ(queue_->counters().retries, 0U);
}

TEST_F(MadeJobTest, NobodyWantsMoreRoomForWhatWasDropped) {
  want();
  const auto job = take();
  queue_->drop(1);
  expect_error(ErrorCode::kCancelled, {"nobody waits"}, [&] { job->ask_for(25); });
  EXPECT_EQ(take(), nullptr);
}

TEST_F(MadeJobTest, ThatWasDamagedMayHaveAnotherSizeTheNextTime) {
  keeper_.admit_error = Error(ErrorCode::kCorrupt, "damaged");
  want();
  auto job = take();
  job->write(0, some_bytes(6));
  job->done("");
  clock_.go(std::chrono::seconds(1));
  job = take();
  ASSERT_NE(job, nullptr);
  EXPECT_EQ(job->bytes(), 6U) << "the file was cut to that";
  job->ask_for(8);
  job = take();
  job->write(0, some_bytes(8));
  job->done("");
  EXPECT_EQ(keeper_.admitted_bytes, (std::vector<uint64_t>{6, 8}));
}

TEST_F(MadeJobTest, AnErrorSaysWhichShardOfWhatCouldNotBeMade) {
  want();
  take()->fail("it raised KeyError: 'x'", {.code = ErrorCode::kTransform, .retryable = false});
  try {
    queue_->wait(1, milliseconds(0));
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "shard a of https://host/d cannot be made: it raised KeyError: 'x'");
    EXPECT_EQ(error.context().file, "a");
  }
}

}  // namespace
}  // namespace headrace
