#include "engine/signals_blocked.h"

#include <csignal>
#include <pthread.h>
#include <thread>

#include <gtest/gtest.h>

namespace headrace {
namespace {

bool is_blocked(int signal) {
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  return sigismember(&mask, signal) == 1;
}

TEST(SignalsBlocked, KeepsAllButFaultsFromThreadsThatStartWhileItLives) {
  const bool before = is_blocked(SIGINT);
  bool interrupt = false;
  bool fault = true;
  {
    const SignalsBlocked blocked;
    std::thread([&] {
      interrupt = is_blocked(SIGINT);
      fault = is_blocked(SIGBUS);
    }).join();
  }
  EXPECT_TRUE(interrupt);
  EXPECT_FALSE(fault);
  EXPECT_EQ(is_blocked(SIGINT), before);
}

}  // namespace
}  // namespace headrace
