#include "storage/cached_shard.h"

#include <filesystem>
#include <memory>
#include <string>
#include <sys/mman.h>
#include <utility>

#include <gtest/gtest.h>

#include "testing/child_process.h"
#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

constexpr size_t kBytes = 10'000;

struct Fixture {
  TempDir dir;
  std::string path = dir.fill("shard", kBytes, std::byte{3});
  std::shared_ptr<KeyLocks> locks = KeyLocks::open(dir.path("pins"));
  std::shared_ptr<KeyLocks> others = KeyLocks::open(dir.path("pins"));

  bool is_unpinned() const {
    return others->while_unpinned({.xxh3 = 1}, [] {});
  }
};

TEST(CachedShard, IsMappedAndPinnedWhileItLives) {
  const Fixture fixture;
  auto shard = std::make_shared<const CachedShard>(fixture.path, fixture.locks->pin({.xxh3 = 1}));
  ASSERT_NE(shard->map(), nullptr);
  EXPECT_EQ(shard->map()->size(), kBytes);
  EXPECT_EQ(shard->map()->data()[kBytes - 1], std::byte{3});
  EXPECT_EQ(shard->info().size, kBytes);
  EXPECT_EQ(shard->path(), fixture.path);
  EXPECT_EQ(shard->key().xxh3, 1U);
  EXPECT_FALSE(fixture.is_unpinned());
  shard.reset();
  EXPECT_TRUE(fixture.is_unpinned());
}

TEST(CachedShard, IsNotThereInAChildThatMayDropIt) {
  const Fixture fixture;
  auto shard = std::make_shared<const CachedShard>(fixture.path, fixture.locks->pin({.xxh3 = 1}));
  const std::byte* const address = shard->map()->data();
  ChildProcess child([&] {
    if (shard->map() != nullptr) {
      return 1;
    }
    // What the child maps at that place is its own, whatever it drops.
    void* const own = ::mmap(const_cast<std::byte*>(address), kBytes, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (own != address) {
      return 2;
    }
    static_cast<char*>(own)[5] = 7;
    shard.reset();
    return static_cast<char*>(own)[5] == 7 ? 0 : 3;
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_FALSE(fixture.is_unpinned());
}

TEST(CachedShard, ThatIsNoFileIsAnError) {
  const Fixture fixture;
  const auto pin = fixture.locks->pin({.xxh3 = 1});
  expect_error(ErrorCode::kNotFound, {"absent"},
               [&] { CachedShard(fixture.dir.path("absent"), pin); });
  std::filesystem::create_symlink(fixture.path, fixture.dir.path("link"));
  expect_error(ErrorCode::kCorrupt, {"link"}, [&] { CachedShard(fixture.dir.path("link"), pin); });
}

}  // namespace
}  // namespace headrace
