#include "storage/waiting_turns.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "storage/file_locks.h"
#include "storage/key_locks.h"

namespace headrace {
namespace {

constexpr mode_t kFileMode = 0666;  // less the process's umask

// Behind the bytes of members, before those of shards, and no neighbours of each other.
constexpr uint64_t kTurnByte = 1024;
constexpr uint64_t kCallByte = 2048;
static_assert(KeyLocks::kMaxMembers < kTurnByte);

}  // namespace

WaitingTurn::~WaitingTurn() { turns_->end_turn(); }

RoomCall::~RoomCall() { turns_->end_call(); }

std::shared_ptr<WaitingTurns> WaitingTurns::open(const std::string& path) {
  return std::shared_ptr<WaitingTurns>(new WaitingTurns(path));
}

WaitingTurns::WaitingTurns(const std::string& path)
    : path_(path),
      process_(::getpid()),
      file_(Descriptor::open(path, O_RDWR | O_CREAT | O_NOFOLLOW, kFileMode)) {
  if (!file_) {
    throw system_error("cannot be opened", path, errno);
  }
  struct stat status = {};
  if (::fstat(file_.get(), &status) != 0) {
    throw system_error("cannot be looked at", path, errno);
  }
  cache_ = {.device = status.st_dev, .inode = status.st_ino};
}

std::unique_ptr<const WaitingTurn> WaitingTurns::take() {
  const std::lock_guard lock(mutex_);
  if (taken_ || !try_lock_byte(file_.get(), kTurnByte, LockKind::kExclusive, path_)) {
    return nullptr;
  }
  taken_ = true;
  return std::unique_ptr<const WaitingTurn>(new WaitingTurn(shared_from_this()));
}

std::shared_ptr<const RoomCall> WaitingTurns::call() {
  const std::lock_guard lock(mutex_);
  // Several may call, so that nobody has to look who else does.
  try_lock_byte(file_.get(), kCallByte, LockKind::kShared, path_);
  ++calls_;
  return std::shared_ptr<const RoomCall>(new RoomCall(shared_from_this()));
}

bool WaitingTurns::others_call() const {
  return count_locked_bytes(file_.get(), kCallByte, kCallByte + 1, path_) > 0;
}

void WaitingTurns::end_turn() noexcept {
  if (process_ != ::getpid()) {
    return;  // of the parent, which still has it; the mutex may be held for ever
  }
  const std::lock_guard lock(mutex_);
  taken_ = false;
  try {
    try_lock_byte(file_.get(), kTurnByte, LockKind::kNone, path_);
  } catch (const Error&) {
    return;  // then nobody has it until the process ends, but this one
  }
}

void WaitingTurns::end_call() noexcept {
  if (process_ != ::getpid()) {
    return;
  }
  const std::lock_guard lock(mutex_);
  if (--calls_ > 0) {
    return;
  }
  try {
    try_lock_byte(file_.get(), kCallByte, LockKind::kNone, path_);
  } catch (const Error&) {
    return;
  }
}

}  // namespace headrace
