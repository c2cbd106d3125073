#include "storage/cache_layout.h"

#include <string>

#include <gtest/gtest.h>

namespace headrace {
namespace {

CacheKey some_key() {
  return {.dataset = *parse_uuid("00000000-0000-4000-8000-000000000001"),
          .shard = *parse_uuid("ffffffff-0000-4000-8000-000000000002"),
          .xxh3 = 0xabc};
}

TEST(CacheLayout, NamesAreReadBack) {
  const std::string shard = cache_file_name(some_key(), CacheFileKind::kShard);
  EXPECT_EQ(shard,
            "00000000-0000-4000-8000-000000000001.ffffffff-0000-4000-8000-000000000002."
            "0000000000000abc.shard");
  EXPECT_EQ(parse_cache_file_name(shard), (CacheFileName{some_key(), CacheFileKind::kShard}));
  const std::string part = cache_file_name(some_key(), CacheFileKind::kPart);
  EXPECT_EQ(parse_cache_file_name(part), (CacheFileName{some_key(), CacheFileKind::kPart}));
}

TEST(CacheLayout, NamesSayWhatIsExpanded) {
  CacheKey key = some_key();
  const std::string as_stored = cache_file_name(key, CacheFileKind::kShard);
  key.expanded = true;
  const std::string shard = cache_file_name(key, CacheFileKind::kShard);
  EXPECT_TRUE(shard.ends_with(".0000000000000abc.expanded.shard")) << shard;
  EXPECT_NE(shard, as_stored);
  for (const CacheFileKind kind :
       {CacheFileKind::kShard, CacheFileKind::kPart, CacheFileKind::kStored}) {
    EXPECT_EQ(parse_cache_file_name(cache_file_name(key, kind)), (CacheFileName{key, kind}));
  }
  EXPECT_TRUE(cache_file_name(key, CacheFileKind::kStored).ends_with(".expanded.stored"));
  EXPECT_FALSE(parse_cache_file_name(cache_file_name(some_key(), CacheFileKind::kStored)))
      << "only of what is expanded there is one";
}

TEST(CacheLayout, NamesSayWhatIsMade) {
  CacheKey key = some_key();
  key.made = true;
  const std::string shard = cache_file_name(key, CacheFileKind::kShard);
  EXPECT_TRUE(shard.ends_with(".0000000000000abc.made.shard")) << shard;
  for (const CacheFileKind kind : {CacheFileKind::kShard, CacheFileKind::kPart}) {
    EXPECT_EQ(parse_cache_file_name(cache_file_name(key, kind)), (CacheFileName{key, kind}));
  }
  EXPECT_FALSE(parse_cache_file_name(cache_file_name(key, CacheFileKind::kStored)));
  std::string both = shard;
  both.insert(both.rfind(".made"), ".expanded");
  EXPECT_FALSE(parse_cache_file_name(both)) << both;
}

TEST(CacheLayout, OtherNamesAreNotOurs) {
  const std::string name = cache_file_name(some_key(), CacheFileKind::kShard);
  for (size_t length = 0; length < name.size(); ++length) {
    EXPECT_FALSE(parse_cache_file_name(name.substr(0, length))) << length;
  }
  for (size_t at = 0; at < name.size(); ++at) {
    std::string other = name;
    other[at] = '/';
    EXPECT_FALSE(parse_cache_file_name(other)) << other;
  }
  EXPECT_FALSE(parse_cache_file_name(name + "x"));
  EXPECT_FALSE(parse_cache_file_name("x" + name));
}

TEST(CacheLayout, PathsLieBelowTheRoot) {
  const CachePaths paths("/cache");
  const Uuid boot = some_key().dataset;
  EXPECT_EQ(paths.ledger(), "/cache/ledger");
  EXPECT_EQ(paths.shard(boot, some_key()),
            "/cache/" + uuid_text(boot) + "/" + cache_file_name(some_key(), CacheFileKind::kShard));
  EXPECT_EQ(paths.part(boot, some_key()), paths.file(boot, {some_key(), CacheFileKind::kPart}));
}

TEST(CacheLayout, ABootHasOneId) { EXPECT_EQ(boot_id(), boot_id()); }

TEST(CacheLayout, BytesAreCountedInBlocks) {
  EXPECT_EQ(charged_bytes(0), 0U);
  EXPECT_EQ(charged_bytes(1), 4096U);
  EXPECT_EQ(charged_bytes(4096), 4096U);
  EXPECT_EQ(charged_bytes(4097), 8192U);
}

}  // namespace
}  // namespace headrace
