#include "storage/descriptor.h"

#include <cerrno>
#include <fcntl.h>
#include <string>
#include <unistd.h>
#include <utility>

#include <gtest/gtest.h>

#include "testing/child_process.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

bool is_open(int number) { return ::fcntl(number, F_GETFD) >= 0; }

TEST(Descriptor, IsClosedWithItsOwner) {
  const TempDir dir;
  const std::string path = dir.fill("file", 5);
  int number = -1;
  {
    Descriptor first = Descriptor::open(path, O_RDONLY);
    ASSERT_TRUE(first);
    number = first.get();
    Descriptor second = std::move(first);
    EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): what a move leaves
    EXPECT_EQ(second.get(), number);
    first = std::move(second);
    EXPECT_TRUE(is_open(number));
    EXPECT_NE(::fcntl(number, F_GETFD) & FD_CLOEXEC, 0);
  }
  EXPECT_FALSE(is_open(number));
  Descriptor third = Descriptor::open(path, O_RDONLY);
  number = third.get();
  third.close();
  EXPECT_FALSE(third);
  EXPECT_FALSE(is_open(number));
}

TEST(Descriptor, OfWhatCannotBeOpenedIsNone) {
  const TempDir dir;
  const Descriptor none = Descriptor::open(dir.path("absent"), O_RDONLY);
  EXPECT_EQ(errno, ENOENT);
  EXPECT_FALSE(none);
  EXPECT_FALSE(Descriptor());
}

TEST(Descriptor, IsClosedInAChildThatUsesItsNumberForAnotherFile) {
  const TempDir dir;
  const std::string path = dir.fill("file", 5);
  Descriptor inherited = Descriptor::open(path, O_RDONLY);
  const int number = inherited.get();
  ChildProcess child([&] {
    if (is_open(number)) {
      return 1;
    }
    Descriptor own = Descriptor::open(path, O_RDONLY);
    if (own.get() != number) {
      return 2;  // the kernel gives the smallest
    }
    inherited.close();
    return is_open(number) ? 0 : 3;
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_TRUE(is_open(number));
}

}  // namespace
}  // namespace headrace
