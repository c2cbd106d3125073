#include "dataset/dataset_paths.h"

#include <limits>

#include <gtest/gtest.h>

namespace headrace {
namespace {

TEST(DatasetPaths, FollowFromNumbersAndUuids) {
  const DatasetPaths paths("root");
  const Uuid id = *parse_uuid("01234567-89ab-4def-8123-456789abcdef");
  EXPECT_EQ(paths.root(), "root");
  EXPECT_EQ(paths.latest(), "root/latest");
  EXPECT_EQ(paths.shard(id), "root/shards/01234567-89ab-4def-8123-456789abcdef.arrow");
  EXPECT_EQ(paths.manifest(7), "root/manifests/00000000000000000007.arrow");
  EXPECT_EQ(DatasetPaths::manifest_name(std::numeric_limits<uint64_t>::max()),
            "18446744073709551615.arrow");
}

TEST(DatasetPaths, KnowTheNamesOfShards) {
  const Uuid id = make_uuid();
  EXPECT_EQ(DatasetPaths::shard_of_name(DatasetPaths::shard_name(id)), id);
  for (const char* name : {"", ".arrow", "mine.arrow", "01234567-89ab-4def-8123-456789abcdef",
                           "01234567-89AB-4DEF-8123-456789ABCDEF.arrow",
                           "01234567-89ab-4def-8123-456789abcdef.arrow.bak"}) {
    EXPECT_FALSE(DatasetPaths::shard_of_name(name).has_value()) << name;
  }
}

}  // namespace
}  // namespace headrace
