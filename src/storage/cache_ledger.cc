#include "storage/cache_ledger.h"

#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <span>
#include <sys/stat.h>
#include <thread>
#include <type_traits>
#include <unistd.h>

#include "base/error.h"
#include "base/hash.h"
#include "storage/file_locks.h"
#include "storage/interrupts.h"

namespace headrace {
namespace {

constexpr mode_t kFileMode = 0666;  // less the process's umask
constexpr std::array<char, 8> kMagic = {'h', 'r', 'l', 'e', 'd', 'g', 'e', 'r'};
constexpr uint64_t kVersion = 1;

constexpr std::chrono::seconds kMostPatience{60};
constexpr std::chrono::microseconds kYielding{100};  // so long it is only asked again
constexpr std::chrono::microseconds kPause{200};

}  // namespace

// The file, in the machine's own byte order: it is of one machine.
struct CacheLedger::Record {
  std::array<char, 8> magic = kMagic;
  uint64_t version = kVersion;
  Uuid boot = {};
  uint64_t used = 0;
  uint64_t changing = 0;  // 1 from before files change until `used` is right again
  uint64_t xxh3 = 0;      // of the bytes before

  uint64_t hash() const noexcept {
    return hash_bytes(std::as_bytes(std::span(this, 1)).first(offsetof(Record, xxh3)));
  }
};

CacheLedger::CacheLedger(const std::string& path, const Uuid& boot)
    : path_(path),
      boot_(boot),
      file_(Descriptor::open(path, O_RDWR | O_CREAT | O_NOFOLLOW, kFileMode)) {
  if (!file_) {
    throw system_error("cannot be opened", path, errno);
  }
}

CacheLedger::Session CacheLedger::lock() { return Session(*this); }

CacheLedger::Record CacheLedger::read() const {
  static_assert(std::has_unique_object_representations_v<Record>);
  Record record;
  const ssize_t n =
      retry_interrupted([&] { return ::pread(file_.get(), &record, sizeof(record), 0); });
  if (n < 0) {
    throw system_error("cannot be read", path_, errno);
  }
  const bool whole = n == sizeof(record) && record.magic == kMagic && record.xxh3 == record.hash();
  if (whole && record.version != kVersion) {
    throw Error(ErrorCode::kUnsupported,
                path_ +
                    " was written by a later version of headrace; update headrace, or choose "
                    "another directory for the cache",
                {.file = path_, .column = ""});
  }
  if (!whole || record.boot != boot_) {
    record = {.boot = boot_, .changing = 1};
  }
  return record;
}

void CacheLedger::write(const Record& record) const {
  Record hashed = record;
  hashed.xxh3 = hashed.hash();
  const ssize_t n =
      retry_interrupted([&] { return ::pwrite(file_.get(), &hashed, sizeof(hashed), 0); });
  if (n != sizeof(hashed)) {
    throw system_error("cannot be written", path_, n < 0 ? errno : ENOSPC);
  }
}

void CacheLedger::acquire() const {
  const auto start = std::chrono::steady_clock::now();
  while (!try_lock_file(file_.get(), path_)) {
    const auto waited = std::chrono::steady_clock::now() - start;
    if (waited > kMostPatience) {
      throw Error(ErrorCode::kIo,
                  path_ + " has been locked by another process for " +
                      std::to_string(kMostPatience.count()) +
                      " seconds; it may have been stopped (see fuser): let it go on, or kill it",
                  {.file = path_, .column = ""});
    }
    if (waited < kYielding) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(kPause);
    }
  }
}

// Somebody removed the directory: others may use a new one, and count for themselves.
void CacheLedger::check_named() const {
  struct stat status = {};
  if (::fstat(file_.get(), &status) == 0 && status.st_nlink == 0) {
    throw Error(ErrorCode::kIo,
                path_ +
                    " was removed while it was used; start again, and remove a cache only while "
                    "nothing uses it",
                {.file = path_, .column = ""});
  }
}

CacheLedger::Session::Session(CacheLedger& ledger) : ledger_(ledger), threads_(ledger.mutex_) {
  ledger_.acquire();
  try {
    ledger_.check_named();
    const Record record = ledger_.read();
    trusted_ = record.changing == 0;
    used_ = record.used;
  } catch (...) {
    unlock_file(ledger_.file_.get());
    throw;
  }
}

CacheLedger::Session::~Session() { unlock_file(ledger_.file_.get()); }

void CacheLedger::Session::mark() {
  trusted_ = false;
  ledger_.write({.boot = ledger_.boot_, .used = used_, .changing = 1});
}

void CacheLedger::Session::settle(uint64_t used) {
  ledger_.write({.boot = ledger_.boot_, .used = used});
  used_ = used;
  trusted_ = true;
}

void CacheLedger::Session::change(const std::function<void(uint64_t& used)>& action) {
  mark();
  uint64_t used = used_;
  action(used);
  settle(used);
}

void CacheLedger::Session::recount(const std::function<uint64_t()>& count) {
  mark();
  settle(count());
}

}  // namespace headrace
