#include "storage/cache_ledger.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/child_process.h"
#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

const Uuid kBoot = {1};

uint64_t counted(CacheLedger& ledger, uint64_t count) {
  CacheLedger::Session session = ledger.lock();
  if (!session.trusted()) {
    session.recount([&] { return count; });
  }
  return session.used();
}

TEST(CacheLedger, IsCountedOnceAndThenKept) {
  const TempDir dir;
  {
    CacheLedger ledger(dir.path("ledger"), kBoot);
    EXPECT_EQ(counted(ledger, 100), 100U);
    CacheLedger::Session session = ledger.lock();
    EXPECT_TRUE(session.trusted());
    session.change([](uint64_t& used) { used += 11; });
    EXPECT_EQ(session.used(), 111U);
  }
  CacheLedger again(dir.path("ledger"), kBoot);
  EXPECT_EQ(counted(again, 5), 111U);
}

TEST(CacheLedger, ThatFindsNoRoomSaysWhatToDo) {
  CacheLedger ledger("/dev/full", kBoot);
  expect_error(ErrorCode::kIo, {"/dev/full", "No space left", "choose a cache= on another one"},
               [&] { counted(ledger, 100); });
}

TEST(CacheLedger, OfAnotherStartOfTheMachineIsCountedAnew) {
  const TempDir dir;
  CacheLedger before(dir.path("ledger"), kBoot);
  EXPECT_EQ(counted(before, 100), 100U);
  CacheLedger after(dir.path("ledger"), {2});
  EXPECT_EQ(counted(after, 7), 7U);
}

TEST(CacheLedger, KeepsTheLimitOfWhoeverChangedItLast) {
  const TempDir dir;
  const std::string path = dir.path("ledger");
  EXPECT_EQ(CacheLedger::recorded_limit(path), 0U) << "it is not there";
  CacheLedger aside(path, kBoot);
  EXPECT_EQ(CacheLedger::recorded_limit(path), 0U) << "it is empty";
  CacheLedger ledger(path, kBoot, 500);
  counted(ledger, 100);
  EXPECT_EQ(CacheLedger::recorded_limit(path), 500U);
  aside.lock().change([](uint64_t& used) { used -= 10; });
  EXPECT_EQ(CacheLedger::recorded_limit(path), 500U);
  EXPECT_EQ(counted(ledger, 7), 90U);
  CacheLedger later(path, {2});
  EXPECT_EQ(counted(later, 7), 7U);
  EXPECT_EQ(CacheLedger::recorded_limit(path), 500U) << "also after a restart";
}

TEST(CacheLedger, IsCountedAnewAfterAChangeThatWasNotFinished) {
  const TempDir dir;
  CacheLedger ledger(dir.path("ledger"), kBoot);
  EXPECT_EQ(counted(ledger, 100), 100U);
  expect_error(ErrorCode::kIo, {"half-way"}, [&] {
    CacheLedger::Session session = ledger.lock();
    session.change([](uint64_t& used) {
      used += 50;
      throw Error(ErrorCode::kIo, "half-way");
    });
  });
  EXPECT_EQ(counted(ledger, 150), 150U);
}

TEST(CacheLedger, OfAProcessThatWasKilledInAChangeIsFreeAndCountedAnew) {
  const TempDir dir;
  CacheLedger ledger(dir.path("ledger"), kBoot);
  EXPECT_EQ(counted(ledger, 100), 100U);
  const Handshake changing;
  ChildProcess child([&] {
    CacheLedger own(dir.path("ledger"), kBoot);
    CacheLedger::Session session = own.lock();
    session.change([&](uint64_t& used) {
      used = 0;
      changing.signal();
      ::pause();
    });
    return 0;
  });
  changing.wait();
  child.kill();
  EXPECT_EQ(counted(ledger, 200), 200U);
}

TEST(CacheLedger, LosesNoChangeOfManyProcesses) {
  const TempDir dir;
  CacheLedger ledger(dir.path("ledger"), kBoot);
  EXPECT_EQ(counted(ledger, 0), 0U);
  constexpr uint64_t kChanges = 500;
  std::vector<ChildProcess> children;
  for (int i = 0; i < 3; ++i) {
    children.emplace_back([&] {
      CacheLedger own(dir.path("ledger"), kBoot);
      for (uint64_t n = 0; n < kChanges; ++n) {
        own.lock().change([](uint64_t& used) { ++used; });
      }
      return 0;
    });
  }
  for (ChildProcess& child : children) {
    EXPECT_EQ(child.wait(), 0);
  }
  EXPECT_EQ(counted(ledger, 1), 3 * kChanges);
}

TEST(CacheLedger, AnyDamageIsSeen) {
  const TempDir dir;
  const std::string path = dir.path("ledger");
  {
    CacheLedger ledger(path, kBoot);
    EXPECT_EQ(counted(ledger, 100), 100U);
  }
  const auto size = std::filesystem::file_size(path);
  for (size_t at = 0; at < size; ++at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const auto flipped = static_cast<char>(file.get() ^ 4);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(flipped).flush();
    CacheLedger ledger(path, kBoot);
    EXPECT_FALSE(ledger.lock().trusted()) << at;
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(flipped ^ 4)).flush();
    EXPECT_TRUE(ledger.lock().trusted());
  }
  std::filesystem::resize_file(path, size - 1);
  CacheLedger cut(path, kBoot);
  EXPECT_EQ(counted(cut, 3), 3U);
}

TEST(CacheLedger, ThatWasRemovedIsAnError) {
  const TempDir dir;
  CacheLedger ledger(dir.path("ledger"), kBoot);
  std::filesystem::remove(dir.path("ledger"));
  expect_error(ErrorCode::kIo, {"ledger", "was removed"}, [&] { ledger.lock(); });
  expect_error(ErrorCode::kNotFound, {"absent"},
               [&] { CacheLedger(dir.path("absent/ledger"), kBoot); });
}

}  // namespace
}  // namespace headrace
