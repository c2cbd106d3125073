#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <sys/types.h>
#include <utility>

#include "storage/descriptor.h"

namespace headrace {

// A cache, whatever path leads to it.
struct CacheId {
  uint64_t device = 0;
  uint64_t inode = 0;  // of its file of locks

  auto operator<=>(const CacheId&) const = default;
};

class WaitingTurns;

// The right to wait for room in a cache while holding some of it, which one reader at a time has,
// of all processes.
class WaitingTurn {
 public:
  ~WaitingTurn();
  WaitingTurn(const WaitingTurn&) = delete;
  WaitingTurn& operator=(const WaitingTurn&) = delete;

 private:
  friend class WaitingTurns;
  explicit WaitingTurn(std::shared_ptr<WaitingTurns> turns) : turns_(std::move(turns)) {}

  std::shared_ptr<WaitingTurns> turns_;
};

// While it lives, others are asked for the room of what nobody reads, and to take none.
class RoomCall {
 public:
  ~RoomCall();
  RoomCall(const RoomCall&) = delete;
  RoomCall& operator=(const RoomCall&) = delete;

 private:
  friend class WaitingTurns;
  explicit RoomCall(std::shared_ptr<WaitingTurns> turns) : turns_(std::move(turns)) {}

  std::shared_ptr<WaitingTurns> turns_;
};

// How those who share a cache wait for its room without waiting for each other: by locks on two
// bytes of its file of locks, which the kernel takes from the dead. "Others" are all other
// openings, of this process too.
//
// Thread-safe. In a child of fork() what the parent has does nothing; a child opens its own.
class WaitingTurns : public std::enable_shared_from_this<WaitingTurns> {
 public:
  // Opens the file of locks, which may be created. Throws kNotFound without its directory; kIo.
  static std::shared_ptr<WaitingTurns> open(const std::string& path);

  const CacheId& cache() const noexcept { return cache_; }

  // Nothing while anybody, in this process or another, has the turn. Throws kIo.
  std::unique_ptr<const WaitingTurn> take();

  // Calls for room. Throws kIo.
  std::shared_ptr<const RoomCall> call();

  // Whether another one calls for room. A system call. Throws kIo.
  bool others_call() const;

 private:
  friend class WaitingTurn;
  friend class RoomCall;

  explicit WaitingTurns(const std::string& path);
  void end_turn() noexcept;
  void end_call() noexcept;

  const std::string path_;
  const pid_t process_;
  Descriptor file_;
  CacheId cache_;
  std::mutex mutex_;
  bool taken_ = false;
  uint64_t calls_ = 0;
};

}  // namespace headrace
