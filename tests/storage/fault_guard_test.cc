#include "storage/fault_guard.h"

#include <atomic>
#include <csetjmp>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "storage/mapped_file.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

size_t page_bytes() { return static_cast<size_t>(::sysconf(_SC_PAGESIZE)); }

// A map of eight pages whose file was cut after the first.
class CutMap {
 public:
  CutMap() : map_(MappedFile::open(File(dir_.fill("a", 8 * page_bytes())))) {
    std::filesystem::resize_file(dir_.path("a"), page_bytes());
  }

  const std::byte* page(size_t number) const { return map_->data() + number * page_bytes(); }

 private:
  TempDir dir_;
  std::shared_ptr<const MappedFile> map_;
};

// Reads one byte under the guard.
const void* guarded_read(const std::byte* from, std::byte& value) {
  auto leaf = [&]() noexcept { value = *static_cast<const volatile std::byte*>(from); };
  return guarded(leaf);
}

void unguarded_read(const std::byte* from) {
  static_cast<void>(*static_cast<const volatile std::byte*>(from));
}

using Handler = void (*)(int, siginfo_t*, void*);

void install(Handler handler) {
  struct sigaction action = {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  ASSERT_EQ(sigaction(SIGBUS, &action, nullptr), 0);
}

void install_plain(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  ASSERT_EQ(sigaction(SIGBUS, &action, nullptr), 0);
}

class FaultGuard : public testing::Test {
 protected:
  // Death tests fork; "threadsafe" runs the test anew in the child, where no thread is left over.
  void SetUp() override { testing::GTEST_FLAG(death_test_style) = "threadsafe"; }
};
using FaultGuardDeathTest = FaultGuard;

TEST_F(FaultGuard, ReturnsNothingWhenAllBytesAreThere) {
  install_fault_guard();
  const CutMap map;
  std::byte value{};
  EXPECT_EQ(guarded_read(map.page(0), value), nullptr);
  EXPECT_EQ(value, std::byte{7});
}

TEST_F(FaultGuard, GivesTheAddressThatCouldNotBeRead) {
  install_fault_guard();
  const CutMap map;
  std::byte value{1};
  EXPECT_EQ(guarded_read(map.page(1), value), map.page(1));
  EXPECT_EQ(guarded_read(map.page(5) + 123, value), map.page(5) + 123);
  EXPECT_EQ(value, std::byte{1});
}

TEST_F(FaultGuard, LeavesTheSignalMaskSoThatItWorksAgainAndAgain) {
  install_fault_guard();
  const CutMap map;
  std::byte value{};
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(guarded_read(map.page(2), value), map.page(2)) << i;
    ASSERT_EQ(guarded_read(map.page(0), value), nullptr) << i;
  }
  sigset_t mask;
  sigemptyset(&mask);
  ASSERT_EQ(pthread_sigmask(SIG_SETMASK, nullptr, &mask), 0);
  EXPECT_EQ(sigismember(&mask, SIGBUS), 0);
}

TEST_F(FaultGuard, StopsTheLeafHalfWay) {
  install_fault_guard();
  const CutMap map;
  size_t volatile done = 0;
  auto leaf = [&]() noexcept {
    for (size_t at = 0; at < 8 * page_bytes(); at += page_bytes() / 4) {
      unguarded_read(map.page(0) + at);
      done = done + 1;
    }
  };
  EXPECT_EQ(guarded(leaf), map.page(1));
  EXPECT_EQ(done, 4U);
}

TEST_F(FaultGuard, KeepsThreadsApart) {
  install_fault_guard();
  const CutMap map;
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::byte value{};
      for (size_t i = 0; i < 200; ++i) {
        const std::byte* bad = map.page(1 + t) + i;
        wrong += guarded_read(bad, value) == bad ? 0 : 1;
        wrong += guarded_read(map.page(0) + i, value) == nullptr ? 0 : 1;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(wrong.load(), 0);
}

TEST_F(FaultGuard, TakesItsPlaceBackFromAHandlerThatCameLater) {
  install_fault_guard();
  install_plain(SIG_DFL);
  install_fault_guard();
  const CutMap map;
  std::byte value{};
  EXPECT_EQ(guarded_read(map.page(1), value), map.page(1));
}

TEST_F(FaultGuard, MayBeInstalledByManyThreadsAtOnce) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back(install_fault_guard);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  const CutMap map;
  std::byte value{};
  EXPECT_EQ(guarded_read(map.page(1), value), map.page(1));
}

TEST_F(FaultGuardDeathTest, ChainsFaultsThatAreNotOursWithAllTheirFacts) {
  const auto check = [] {
    static const std::byte* expected = nullptr;
    install([](int number, siginfo_t* info, void* context) {
      const bool right = number == SIGBUS && info->si_addr == expected && context != nullptr;
      _exit(right ? 42 : 43);
    });
    install_fault_guard();
    const CutMap map;
    std::byte value{};
    if (guarded_read(map.page(1), value) != map.page(1) ||
        guarded_read(map.page(0), value) != nullptr) {
      _exit(44);
    }
    expected = map.page(3);
    unguarded_read(expected);
  };
  EXPECT_EXIT(check(), testing::ExitedWithCode(42), "");
}

TEST_F(FaultGuardDeathTest, ChainsToAHandlerOfTheOldKind) {
  const auto check = [] {
    install_plain([](int number) { _exit(number == SIGBUS ? 42 : 43); });
    install_fault_guard();
    const CutMap map;
    unguarded_read(map.page(3));
  };
  EXPECT_EXIT(check(), testing::ExitedWithCode(42), "");
}

TEST_F(FaultGuardDeathTest, ChainsAgainToAHandlerThatLeavesByAJump) {
  const auto check = [] {
    static sigjmp_buf back;
    install([](int, siginfo_t*, void*) { siglongjmp(back, 1); });
    install_fault_guard();
    const CutMap map;
    volatile int caught = 0;
    if (sigsetjmp(back, 1) != 0) {
      caught = caught + 1;
    }
    if (caught < 3) {
      unguarded_read(map.page(3));
    }
    _exit(caught == 3 ? 42 : 43);
  };
  EXPECT_EXIT(check(), testing::ExitedWithCode(42), "");
}

TEST_F(FaultGuardDeathTest, EndsTheProcessWhereNobodyHandlesTheFault) {
  for (void (*handler)(int) : {SIG_DFL, SIG_IGN}) {
    const auto check = [handler] {
      install_plain(handler);
      install_fault_guard();
      const CutMap map;
      unguarded_read(map.page(3));
      _exit(43);
    };
    EXPECT_EXIT(check(), testing::KilledBySignal(SIGBUS), "");
  }
}

TEST_F(FaultGuardDeathTest, EndsTheProcessWhereTwoHandlersCallEachOther) {
  const auto check = [] {
    install_plain(SIG_DFL);
    install_fault_guard();
    static struct sigaction ours;
    sigaction(SIGBUS, nullptr, &ours);
    install([](int number, siginfo_t* info, void* context) {
      ours.sa_sigaction(number, info, context);
    });
    install_fault_guard();  // theirs is now before ours, and ours before theirs
    const CutMap map;
    unguarded_read(map.page(3));
    _exit(43);
  };
  EXPECT_EXIT(check(), testing::KilledBySignal(SIGBUS), "");
}

}  // namespace
}  // namespace headrace
