#include "storage/file_users.h"

#include <fcntl.h>
#include <string>
#include <unistd.h>

#include <gtest/gtest.h>

#include "storage/descriptor.h"
#include "storage/file_locks.h"
#include "testing/child_process.h"
#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

Descriptor opened(const std::string& path) {
  return Descriptor::open(path, O_RDWR | O_CREAT, 0666);
}

TEST(FileUsers, AreThoseThatHaveLocksWithWhatTheyHaveLocked) {
  const TempDir dir;
  const std::string path = dir.path("locks");
  const Descriptor file = opened(path);
  const Descriptor other = opened(dir.path("also-locks"));
  ASSERT_TRUE(try_lock_byte(other.get(), 5, LockKind::kShared, "also-locks"));
  EXPECT_TRUE(users_of_locks(path).empty()) << "it is open, and nothing is locked";

  const Handshake locked;
  const ChildProcess child([&] {
    const Descriptor own = opened(path);
    const Descriptor second = opened(path);
    try_lock_byte(own.get(), 7, LockKind::kExclusive, path);
    try_lock_byte(own.get(), uint64_t{1} << 61, LockKind::kShared, path);
    try_lock_byte(second.get(), 9, LockKind::kShared, path);
    locked.signal();
    ::pause();
    return 0;
  });
  locked.wait();
  ASSERT_TRUE(try_lock_byte(file.get(), 9, LockKind::kShared, path));
  const auto users = users_of_locks(path);
  ASSERT_EQ(users.size(), 2U);
  const FileUser& theirs = users[users[0].process == child.id() ? 0 : 1];
  const FileUser& ours = users[users[0].process == child.id() ? 1 : 0];
  EXPECT_EQ(theirs.process, child.id());
  EXPECT_EQ(ours.process, ::getpid());
  EXPECT_TRUE(std::string("storage_test").starts_with(ours.program)) << ours.program;
  for (const uint64_t at : {uint64_t{7}, uint64_t{9}, uint64_t{1} << 61}) {
    EXPECT_TRUE(theirs.has_locked(at)) << at;
    EXPECT_EQ(ours.has_locked(at), at == 9) << at;
  }
  for (const uint64_t at : {uint64_t{6}, uint64_t{8}, (uint64_t{1} << 61) + 1}) {
    EXPECT_FALSE(theirs.has_locked(at)) << at;
  }
}

TEST(FileUsers, OfAFileThatIsNotThereAreAnError) {
  const TempDir dir;
  expect_error(ErrorCode::kNotFound, {"absent"}, [&] { users_of_locks(dir.path("absent")); });
}

}  // namespace
}  // namespace headrace
