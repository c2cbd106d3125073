#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "format/shard_expander.h"
#include "format/shard_layout.h"
#include "testing/golden_files.h"
#include "testing/golden_shards.h"
#include "testing/shard_rows.h"

namespace headrace {
namespace {

TEST(GoldenShards, OfProfile1AreReadForEver) {
  for (const auto& [name, columns] : golden_shards()) {
    SCOPED_TRACE(name);
    const GoldenFile golden("v1/" + name);
    const ShardLayout layout = golden.layout(LayoutRules::kProfileOnly);
    expect_rows(layout, golden.bytes(), columns);
    EXPECT_EQ(layout.rows_per_batch, kGoldenRowsPerBatch);
    EXPECT_EQ(layout.metadata, kGoldenMetadata);
  }
}

TEST(GoldenShards, HaveTheHashesThatShardsOfTheseRowsNeverChange) {
  for (const auto& [name, columns] : golden_shards()) {
    const auto made = shard_bytes(columns, kGoldenRowsPerBatch, kGoldenMetadata);
    const GoldenFile golden("v1/" + name);
    const ShardLayout now = read_bytes(made);
    const ShardLayout then = golden.layout();
    ASSERT_EQ(now.batches.size(), then.batches.size()) << name;
    for (size_t i = 0; i < now.batches.size(); ++i) {
      EXPECT_EQ(now.batches[i].xxh3, then.batches[i].xxh3) << name << " batch " << i;
    }
  }
}

TEST(GoldenShards, ThatAreCompressedAreExpandedForEver) {
  const GoldenFile golden(std::string("v1/") + kGoldenCompressed);
  const auto plain = shard_bytes(golden_compressed(), kGoldenRowsPerBatch, kGoldenMetadata);
  MemorySink sink;
  expand_shard(golden.file(), plain.size(), sink);
  EXPECT_EQ(sink.bytes(), plain);
}

}  // namespace
}  // namespace headrace
