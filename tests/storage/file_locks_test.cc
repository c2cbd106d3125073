#include "storage/file_locks.h"

#include <fcntl.h>
#include <string>

#include <gtest/gtest.h>

#include "storage/descriptor.h"
#include "testing/child_process.h"
#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

constexpr uint64_t kFar = uint64_t{1} << 61;

struct Opening {
  explicit Opening(const std::string& where)
      : path(where), file(Descriptor::open(where, O_RDWR | O_CREAT, 0666)) {}
  bool lock(uint64_t at, LockKind kind) const { return try_lock_byte(file.get(), at, kind, path); }
  uint64_t count(uint64_t first, uint64_t last) const {
    return count_locked_bytes(file.get(), first, last, path);
  }

  std::string path;
  Descriptor file;
};

TEST(FileLocks, ExcludeOtherOpeningsOfTheSameByteOnly) {
  const TempDir dir;
  const Opening one(dir.path("locks"));
  const Opening two(dir.path("locks"));
  EXPECT_TRUE(one.lock(kFar, LockKind::kShared));
  EXPECT_TRUE(two.lock(kFar, LockKind::kShared));
  EXPECT_FALSE(two.lock(kFar, LockKind::kExclusive));
  EXPECT_TRUE(two.lock(kFar + 1, LockKind::kExclusive));
  EXPECT_FALSE(one.lock(kFar + 1, LockKind::kShared));
  EXPECT_TRUE(one.lock(kFar, LockKind::kNone));
  EXPECT_TRUE(two.lock(kFar, LockKind::kExclusive));
}

TEST(FileLocks, OfOthersAreCounted) {
  const TempDir dir;
  const Opening one(dir.path("locks"));
  const Opening two(dir.path("locks"));
  EXPECT_EQ(one.count(0, 256), 0U);
  for (const uint64_t at : {0, 7, 3, 255, 256}) {
    EXPECT_TRUE(two.lock(at, at % 2 == 0 ? LockKind::kExclusive : LockKind::kShared));
  }
  EXPECT_EQ(one.count(0, 256), 4U);
  EXPECT_EQ(one.count(1, 255), 2U);
  EXPECT_EQ(one.count(8, 8), 0U);
  EXPECT_EQ(two.count(0, 256), 0U) << "one's own do not count";
}

TEST(FileLocks, OfAWholeFileAreApartFromThoseOfBytes) {
  const TempDir dir;
  const Opening one(dir.path("locks"));
  const Opening two(dir.path("locks"));
  EXPECT_TRUE(try_lock_file(one.file.get(), one.path));
  EXPECT_FALSE(try_lock_file(two.file.get(), two.path));
  EXPECT_TRUE(two.lock(0, LockKind::kExclusive));
  unlock_file(one.file.get());
  EXPECT_TRUE(try_lock_file(two.file.get(), two.path));
}

TEST(FileLocks, OfAKilledProcessAreFree) {
  const TempDir dir;
  const Handshake locked;
  ChildProcess child([&] {
    const Opening own(dir.path("locks"));
    const bool both = own.lock(7, LockKind::kExclusive) && try_lock_file(own.file.get(), own.path);
    locked.signal();
    ::pause();
    return both ? 0 : 1;
  });
  locked.wait();
  const Opening here(dir.path("locks"));
  EXPECT_FALSE(here.lock(7, LockKind::kShared));
  EXPECT_FALSE(try_lock_file(here.file.get(), here.path));
  child.kill();
  EXPECT_TRUE(here.lock(7, LockKind::kShared));
  EXPECT_TRUE(try_lock_file(here.file.get(), here.path));
}

TEST(FileLocks, AreTriedBeforeTheyAreRelied) {
  const TempDir dir;
  EXPECT_TRUE(locks_exclude(dir.path("locks")));
  const Opening busy(dir.path("locks"));
  EXPECT_TRUE(try_lock_file(busy.file.get(), busy.path));
  EXPECT_TRUE(locks_exclude(dir.path("locks"))) << "somebody else's lock excludes as well";
  expect_error(ErrorCode::kNotFound, {"absent/locks"},
               [&] { locks_exclude(dir.path("absent/locks")); });
}

TEST(FileLocks, ThatFailAreErrors) {
  expect_error(ErrorCode::kIo, {"nowhere", "locked"},
               [] { try_lock_byte(-1, 0, LockKind::kShared, "nowhere"); });
  expect_error(ErrorCode::kIo, {"nowhere"}, [] { try_lock_file(-1, "nowhere"); });
  expect_error(ErrorCode::kIo, {"nowhere"}, [] { count_locked_bytes(-1, 0, 9, "nowhere"); });
}

}  // namespace
}  // namespace headrace
