#include "storage/interrupts.h"

#include <cerrno>

#include <gtest/gtest.h>

namespace headrace {
namespace {

TEST(RetryInterrupted, CallsAgainUntilTheCallIsDone) {
  int calls = 0;
  const int result = retry_interrupted([&] {
    errno = EINTR;
    return ++calls < 5 ? -1 : 42;
  });
  EXPECT_EQ(result, 42);
  EXPECT_EQ(calls, 5);
}

TEST(RetryInterrupted, ReturnsOtherFailuresAtOnce) {
  int calls = 0;
  const int result = retry_interrupted([&] {
    ++calls;
    errno = EIO;
    return -1;
  });
  EXPECT_EQ(result, -1);
  EXPECT_EQ(errno, EIO);
  EXPECT_EQ(calls, 1);
}

TEST(RetryInterrupted, GivesUpInTheEnd) {
  int calls = 0;
  const int result = retry_interrupted([&] {
    ++calls;
    errno = EINTR;
    return -1;
  });
  EXPECT_EQ(result, -1);
  EXPECT_EQ(errno, EINTR);
  EXPECT_GT(calls, 100);
}

}  // namespace
}  // namespace headrace
