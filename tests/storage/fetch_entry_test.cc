#include "storage/fetch_entry.h"

#include <chrono>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "testing/temp_dir.h"

namespace headrace {
namespace {

using std::chrono::seconds;
using TimePoint = FetchEntry::TimePoint;

FetchEntry begun(uint64_t bytes, uint64_t range_bytes) {
  const TempDir dir;
  FetchEntry entry({.bytes = bytes, .name = "it"});
  entry.begin(std::make_shared<const PartFile>(dir.path("part"), bytes), range_bytes);
  return entry;
}

TEST(FetchEntry, IsCutIntoRangesThatCoverIt) {
  for (const uint64_t bytes : {0, 1, 9, 10, 11, 20, 25}) {
    const FetchEntry entry = begun(bytes, 10);
    uint64_t at = 0;
    for (const FetchEntry::Range& range : entry.ranges) {
      EXPECT_EQ(range.offset, at);
      EXPECT_LE(range.bytes, 10U);
      at += range.bytes;
    }
    EXPECT_EQ(at, bytes);
    EXPECT_EQ(entry.ranges.size(), bytes == 0 ? 1 : (bytes + 9) / 10);
  }
}

TEST(FetchEntry, EachRangeIsTakenOnceAndAgainAfterItWasGivenBack) {
  FetchEntry entry = begun(25, 10);
  const TimePoint now;
  EXPECT_EQ(entry.take_range(now), 0U);
  EXPECT_EQ(entry.take_range(now), 1U);
  EXPECT_EQ(entry.take_range(now), 2U);
  EXPECT_EQ(entry.take_range(now), std::nullopt);
  entry.give_back(1);
  EXPECT_EQ(entry.take_range(now), 1U);
  EXPECT_TRUE(entry.complete(0, ""));
  EXPECT_TRUE(entry.complete(1, ""));
  EXPECT_FALSE(entry.is_complete());
  EXPECT_TRUE(entry.complete(2, ""));
  EXPECT_TRUE(entry.is_complete());
  EXPECT_EQ(entry.take_range(now), std::nullopt);
}

TEST(FetchEntry, RangesOfDifferentVersionsAreSeen) {
  FetchEntry entry = begun(30, 10);
  EXPECT_TRUE(entry.complete(0, "etag-1"));
  EXPECT_FALSE(entry.complete(1, "etag-2"));
  EXPECT_TRUE(entry.complete(1, "etag-1"));
  EXPECT_TRUE(entry.complete(2, "")) << "a store that does not say";
  entry.start_over();
  EXPECT_EQ(entry.round, 1U);
  EXPECT_FALSE(entry.is_complete());
  EXPECT_TRUE(entry.complete(0, "etag-2"));
}

TEST(FetchEntry, NothingIsTakenBeforeItsTime) {
  FetchEntry entry = begun(10, 10);
  const TimePoint now = TimePoint() + seconds(100);
  entry.not_before = now + seconds(1);
  EXPECT_EQ(entry.take_range(now), std::nullopt);
  EXPECT_EQ(entry.next_event(now), now + seconds(1));
  entry.deadline = now + seconds(5);
  EXPECT_EQ(entry.next_event(now), now + seconds(1));
  EXPECT_EQ(entry.take_range(now + seconds(1)), 0U);
  EXPECT_EQ(entry.next_event(now + seconds(1)), now + seconds(5));
  EXPECT_FALSE(entry.is_late(now + seconds(4)));
  EXPECT_TRUE(entry.is_late(now + seconds(5)));
}

TEST(FetchEntry, SaysWhatItWaitsFor) {
  FetchEntry entry({.name = "shards/x.arrow"});
  EXPECT_EQ(entry.describe(), "shards/x.arrow waits for its turn");
  entry.phase = FetchPhase::kFetching;
  entry.failures = 2;
  entry.last_error = Error(ErrorCode::kIo, "503 Slow Down");
  EXPECT_EQ(entry.describe(),
            "shards/x.arrow is being fetched, after 2 failed tries: 503 Slow Down");
  entry.failures = 1;
  EXPECT_EQ(entry.describe(), "shards/x.arrow is being fetched, after 1 failed try: 503 Slow Down");
  entry.phase = FetchPhase::kAdmitting;
  entry.last_error.reset();
  EXPECT_EQ(entry.describe(), "shards/x.arrow is being checked");
}

}  // namespace
}  // namespace headrace
