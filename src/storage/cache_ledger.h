#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "base/uuid.h"
#include "storage/descriptor.h"

namespace headrace {

// How many bytes of a cache are taken, for all processes that use it: one number in a file, which
// changes only under the file's lock.
//
// The truth are the files; the number saves counting them each time. It carries a mark while files
// change: a process that dies in between leaves the mark, and the next one counts.
class CacheLedger {
 public:
  class Session;

  // Opens the file, which may be created. `boot` is this start of the machine: a number that
  // another start left is not trusted. `limit_bytes` is this process's limit of the cache, which is
  // written down for people who ask; 0 leaves what is there. Throws kIo.
  CacheLedger(const std::string& path, const Uuid& boot, uint64_t limit_bytes = 0);

  // The limit that the ledger `path` has from whoever changed it last, without its lock; 0 where
  // there is none. Throws kIo.
  static uint64_t recorded_limit(const std::string& path);

  // Takes the lock, which other processes hold for microseconds, or milliseconds while they count.
  // Throws kIo where it cannot be had in a minute, or the file was removed or cannot be read.
  Session lock();

 private:
  struct Record;

  static Record read_record(int file, const std::string& path);
  Record read() const;
  void write(uint64_t used, bool changing) const;
  void acquire() const;
  void check_named() const;

  std::string path_;
  Uuid boot_;
  Descriptor file_;
  uint64_t limit_bytes_;
  std::mutex mutex_;  // the file's lock does not part threads
};

// The ledger while this has its lock. Changes of files that take or free space happen inside
// change() or recount().
class CacheLedger::Session {
 public:
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Whether used() can be believed. If not, recount() comes before anything else.
  bool trusted() const noexcept { return trusted_; }

  // Bytes that are taken. Requires: trusted().
  uint64_t used() const noexcept { return used_; }

  // Runs `action`, which changes files and says by how much it changed used(), through its
  // argument, as it goes. Where it throws, the ledger stays marked. Throws kIo, and what `action`
  // throws. Requires: trusted().
  void change(const std::function<void(uint64_t& used)>& action);

  // Runs `count`, which looks at all files, may remove some, and returns what is taken then.
  void recount(const std::function<uint64_t()>& count);

 private:
  friend class CacheLedger;
  explicit Session(CacheLedger& ledger);

  void mark();
  void settle(uint64_t used);

  CacheLedger& ledger_;
  std::unique_lock<std::mutex> threads_;
  bool trusted_ = false;
  uint64_t used_ = 0;
};

}  // namespace headrace
