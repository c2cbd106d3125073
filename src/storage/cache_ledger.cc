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

Error unwritten_error(const std::string& path, int error_number) {
  Error cause = system_error("cannot be written", path, error_number);
  if (error_number != ENOSPC && error_number != EDQUOT) {
    return cause;
  }
  return Error(ErrorCode::kIo,
               std::string(cause.what()) +
                   "; remove other files from this disk, or choose a cache= on another one",
               {.file = path, .column = ""});
}

}  // namespace

// The file, in the machine's own byte order: it is of one machine.
struct CacheLedger::Record {
  std::array<char, 8> magic = kMagic;
  uint64_t version = kVersion;
  Uuid boot = {};
  uint64_t used = 0;
  uint64_t limit = 0;     // of the process that wrote this
  uint64_t changing = 0;  // 1 from before files change until `used` is right again
  uint64_t xxh3 = 0;      // of the bytes before

  uint64_t hash() const noexcept {
    return hash_bytes(std::as_bytes(std::span(this, 1)).first(offsetof(Record, xxh3)));
  }
};

CacheLedger::CacheLedger(const std::string& path, const Uuid& boot, uint64_t limit_bytes)
    : path_(path),
      boot_(boot),
      file_(Descriptor::open(path, O_RDWR | O_CREAT | O_NOFOLLOW, kFileMode)),
      limit_bytes_(limit_bytes) {
  if (!file_) {
    throw system_error("cannot be opened", path, errno);
  }
}

uint64_t CacheLedger::recorded_limit(const std::string& path) {
  const Descriptor file = Descriptor::open(path, O_RDONLY | O_NOFOLLOW);
  if (!file) {
    if (errno == ENOENT) {
      return 0;
    }
    throw system_error("cannot be opened", path, errno);
  }
  return read_record(file.get(), path).limit;
}

CacheLedger::Session CacheLedger::lock() { return Session(*this); }

// One that says nothing where the file has none, or half of one.
CacheLedger::Record CacheLedger::read_record(int file, const std::string& path) {
  static_assert(std::has_unique_object_representations_v<Record>);
  Record record;
  const ssize_t n = retry_interrupted([&] { return ::pread(file, &record, sizeof(record), 0); });
  if (n < 0) {
    throw system_error("cannot be read", path, errno);
  }
  const bool whole = n == sizeof(record) && record.magic == kMagic && record.xxh3 == record.hash();
  if (whole && record.version != kVersion) {
    throw Error(ErrorCode::kUnsupported,
                path +
                    " was written by a later version of headrace; update headrace, or choose "
                    "another directory for the cache",
                {.file = path, .column = ""});
  }
  return whole ? record : Record{.changing = 1};
}

CacheLedger::Record CacheLedger::read() const {
  Record record = read_record(file_.get(), path_);
  if (record.boot != boot_) {
    record.changing = 1;
  }
  return record;
}

void CacheLedger::write(uint64_t used, bool changing) const {
  const uint64_t limit = limit_bytes_ > 0 ? limit_bytes_ : read_record(file_.get(), path_).limit;
  Record record{.boot = boot_, .used = used, .limit = limit, .changing = changing ? 1U : 0U};
  record.xxh3 = record.hash();
  const ssize_t n =
      retry_interrupted([&] { return ::pwrite(file_.get(), &record, sizeof(record), 0); });
  if (n != sizeof(record)) {
    throw unwritten_error(path_, n < 0 ? errno : ENOSPC);
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
  ledger_.write(used_, true);
}

void CacheLedger::Session::settle(uint64_t used) {
  ledger_.write(used, false);
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
