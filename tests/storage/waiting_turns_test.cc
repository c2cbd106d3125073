#include "storage/waiting_turns.h"

#include <filesystem>
#include <memory>

#include <gtest/gtest.h>

#include "storage/key_locks.h"
#include "testing/child_process.h"
#include "testing/errors.h"
#include "testing/temp_dir.h"

namespace headrace {
namespace {

class WaitingTurnsTest : public testing::Test {
 protected:
  std::shared_ptr<WaitingTurns> open() const { return WaitingTurns::open(dir_.path("pins")); }

  TempDir dir_;
};

TEST_F(WaitingTurnsTest, OneInTheWorldHasTheTurn) {
  const auto one = open();
  const auto two = open();
  auto turn = one->take();
  ASSERT_NE(turn, nullptr);
  EXPECT_EQ(one->take(), nullptr);
  EXPECT_EQ(two->take(), nullptr);
  turn.reset();
  turn = two->take();
  EXPECT_NE(turn, nullptr);
  EXPECT_EQ(one->take(), nullptr);
}

TEST_F(WaitingTurnsTest, ACallIsForOthersUntilItsLastShareIsGone) {
  const auto one = open();
  const auto two = open();
  const auto third = open();
  EXPECT_FALSE(two->others_call());
  auto call = one->call();
  auto second = one->call();
  EXPECT_FALSE(one->others_call());
  EXPECT_TRUE(two->others_call());
  auto other = two->call();
  EXPECT_TRUE(one->others_call() && two->others_call()) << "several may call";
  call.reset();
  other.reset();
  EXPECT_TRUE(two->others_call());
  EXPECT_FALSE(one->others_call());
  EXPECT_TRUE(third->others_call());
  second.reset();
  EXPECT_FALSE(two->others_call() || third->others_call());
}

TEST_F(WaitingTurnsTest, TurnsAndCallsAreNoMembersAndNoPins) {
  const auto turns = open();
  const auto locks = KeyLocks::open(dir_.path("pins"));
  const auto turn = turns->take();
  const auto call = turns->call();
  EXPECT_EQ(locks->count_members(), 1U);
  EXPECT_TRUE(locks->while_unpinned({}, [] {}));
}

TEST_F(WaitingTurnsTest, TheDeadHaveNothing) {
  const auto turns = open();
  const Handshake ready;
  ChildProcess child([&] {
    const auto own = open();
    const auto turn = own->take();
    const auto call = own->call();
    ready.signal();
    ::pause();
    return 0;
  });
  ready.wait();
  EXPECT_EQ(turns->take(), nullptr);
  EXPECT_TRUE(turns->others_call());
  child.kill();
  EXPECT_NE(turns->take(), nullptr);
  EXPECT_FALSE(turns->others_call());
}

TEST_F(WaitingTurnsTest, AChildNeitherKeepsNorGivesBackWhatItsParentHas) {
  auto parent = open();
  const auto watcher = open();
  auto turn = parent->take();
  auto call = parent->call();
  const Handshake dropped;
  const Handshake end;
  ChildProcess child([&] {
    turn.reset();
    call.reset();
    parent.reset();
    dropped.signal();
    end.wait();
    return 0;
  });
  dropped.wait();
  EXPECT_EQ(watcher->take(), nullptr);
  EXPECT_TRUE(watcher->others_call());
  turn.reset();
  call.reset();
  EXPECT_NE(watcher->take(), nullptr) << "the child lives, and has nothing";
  EXPECT_FALSE(watcher->others_call());
  end.signal();
  EXPECT_EQ(child.wait(), 0);
}

TEST_F(WaitingTurnsTest, TheCacheIsTheSameWhateverPathLeadsToIt) {
  const auto turns = open();
  std::filesystem::create_directory_symlink(dir_.path(""), dir_.path("link"));
  EXPECT_EQ(WaitingTurns::open(dir_.path("link") + "/pins")->cache(), turns->cache());
  EXPECT_NE(WaitingTurns::open(dir_.path("others"))->cache(), turns->cache());
}

TEST_F(WaitingTurnsTest, AFileThatCannotBeOpenedIsNamed) {
  expect_error(ErrorCode::kNotFound, {dir_.path("none/pins")},
               [&] { WaitingTurns::open(dir_.path("none/pins")); });
}

}  // namespace
}  // namespace headrace
