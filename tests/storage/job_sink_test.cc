#include "storage/job_sink.h"

#include <chrono>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "storage/fetch_queue.h"
#include "testing/fetching.h"

namespace headrace {
namespace {

using std::chrono::milliseconds;

class JobSinkTest : public testing::Test {
 protected:
  std::unique_ptr<FetchJob> take() { return queue_->take(milliseconds(0)); }

  FakeKeeper keeper_;
  std::shared_ptr<FetchQueue> queue_ = FetchQueue::make(keeper_.hooks(), {});
};

TEST_F(JobSinkTest, WritesOnePieceBehindTheOther) {
  queue_->push({.id = 1, .bytes = 10, .name = "a", .made = true});
  const auto job = take();
  JobSink sink(*job);
  sink.write(some_bytes(4));
  sink.write(some_bytes(5));
  EXPECT_EQ(sink.bytes(), 9U);
  EXPECT_TRUE(sink.finish());
  EXPECT_EQ(keeper_.admitted_bytes, (std::vector<uint64_t>{9}));
}

TEST_F(JobSinkTest, CountsWhatThereIsNoRoomForAndAsksForIt) {
  queue_->push({.id = 1, .bytes = 10, .name = "a", .made = true});
  const auto job = take();
  JobSink sink(*job);
  sink.write(some_bytes(8));
  sink.write(some_bytes(3));
  sink.write(some_bytes(1));
  EXPECT_FALSE(sink.finish());
  EXPECT_TRUE(keeper_.admitted.empty());
  const auto again = take();
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(again->bytes(), 12U);
  JobSink larger(*again);
  larger.write(some_bytes(12));
  EXPECT_TRUE(larger.finish()) << "it fills its room";
}

}  // namespace
}  // namespace headrace
