#include "format/shard_encoding.h"

#include <gtest/gtest.h>

namespace headrace {
namespace {

TEST(ShardEncoding, HasTheNamesOfTheFormat) {
  EXPECT_EQ(encoding_name(ShardEncoding::kPlain), "none");
  EXPECT_EQ(encoding_name(ShardEncoding::kZstd), "zstd");
  for (const auto encoding : {ShardEncoding::kPlain, ShardEncoding::kZstd}) {
    EXPECT_EQ(parse_encoding(encoding_name(encoding)), encoding);
  }
}

TEST(ShardEncoding, KnowsNoOtherName) {
  for (const char* name : {"", "Zstd", "zstd ", "lz4", "none\n"}) {
    EXPECT_FALSE(parse_encoding(name)) << name;
  }
}

}  // namespace
}  // namespace headrace
