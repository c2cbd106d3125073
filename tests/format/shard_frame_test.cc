#include "format/shard_frame.h"

#include <gtest/gtest.h>

#include "base/hash.h"
#include "format/shard_layout.h"
#include "testing/errors.h"
#include "testing/memory_sink.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

const Schema kNumbers = {{.name = "x", .dtype = DType::kInt64}};

TEST(ShardFrame, MakesAShardOfBodies) {
  MemorySink sink;
  ShardFrame frame(kNumbers, {{"k", "v"}}, 8, sink);
  const std::vector<std::byte> body(64, std::byte{3});
  for (const uint64_t rows : {8, 8, 5}) {
    BatchLayout batch = profile_batch(frame.columns(), rows, std::vector<uint64_t>{0}, 0);
    batch.xxh3 = hash_bytes(body);
    EXPECT_EQ(frame.message_bytes(batch, frame.bytes()) % kBodyAlignment, 0U);
    frame.begin_batch(batch);
    frame.write(body);
  }
  const ShardSummary summary = frame.finish();
  EXPECT_EQ(summary,
            (ShardSummary{21, sink.bytes().size(), hash_bytes(sink.bytes()), sink.bytes().size()}));
  const TempDir folder;
  const File file(folder.write("a.arrow", sink.bytes()));
  const ShardLayout layout = read_shard_layout(file, LayoutRules::kProfileOnly);
  EXPECT_EQ(layout.rows, 21U);
  EXPECT_EQ(layout.rows_per_batch, 8U);
  EXPECT_EQ(layout.batches.size(), 3U);
  EXPECT_EQ(layout.metadata, (Metadata{{"k", "v"}}));
}

TEST(ShardFrame, IsFinishedOnce) {
  MemorySink sink;
  ShardFrame frame(kNumbers, {}, 8, sink);
  frame.finish();
  EXPECT_TRUE(frame.finished());
  expect_error(ErrorCode::kInvalid, {"twice"}, [&] { frame.finish(); });
}

}  // namespace
}  // namespace headrace
