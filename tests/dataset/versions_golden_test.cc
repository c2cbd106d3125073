#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataset/versions.h"
#include "testing/errors.h"
#include "testing/golden_manifests.h"

namespace headrace {
namespace {

const DatasetPaths kGolden(HEADRACE_GOLDEN "/v1/dataset");

TEST(GoldenVersions, AreReadForEver) {
  const std::vector<GoldenManifest> manifests = golden_manifests();
  std::vector<ShardEntry> expected;
  for (const uint64_t version : {2, 3}) {
    const GoldenManifest& golden = manifests[version - 1];
    expected.insert(expected.end(), golden.entries.begin(), golden.entries.end());
    const DatasetVersion read = read_version(kGolden, version, ManifestParts::kShardsAndOrigins);
    ManifestHeader header = golden.header;
    header.parent_xxh3 = read.header.parent_xxh3;  // that of the file as it was made
    EXPECT_EQ(read.header, header);
    ASSERT_EQ(read.shards.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(read.shards.entry(i), expected[i]);
    }
  }
  EXPECT_EQ(newest_version(kGolden), 3U);
}

TEST(GoldenVersions, ThatWereRemovedStayRemoved) {
  expect_error(ErrorCode::kNotFound, {"version 1 was removed", "oldest that is left is 2"},
               [&] { read_version(kGolden, 1); });
}

}  // namespace
}  // namespace headrace
