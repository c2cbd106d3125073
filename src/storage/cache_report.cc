#include "storage/cache_report.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>

#include "base/error.h"
#include "storage/cache_ledger.h"
#include "storage/descriptor.h"
#include "storage/directory.h"
#include "storage/file_locks.h"
#include "storage/file_users.h"
#include "storage/key_locks.h"

namespace headrace {
namespace {

bool is_locked(const Descriptor& pins, uint64_t at, const std::string& path) {
  return count_locked_bytes(pins.get(), at, at + 1, path) > 0;
}

CacheFileUse use_of(const CacheFile& file, const Descriptor& pins, const std::string& path) {
  const CacheKey& key = file.name.key;
  if (file.name.kind == CacheFileKind::kShard) {
    return is_locked(pins, pin_byte(key), path) ? CacheFileUse::kPinned : CacheFileUse::kFree;
  }
  return is_locked(pins, claim_byte(key), path) ? CacheFileUse::kFetched : CacheFileUse::kLeftover;
}

CacheUser user_of(const FileUser& seen, const std::vector<ReportedFile>& files) {
  CacheUser user{.process = seen.process, .program = seen.program};
  for (const ReportedFile& reported : files) {
    const CacheKey& key = reported.file.name.key;
    if (reported.use == CacheFileUse::kPinned && seen.has_locked(pin_byte(key))) {
      ++user.pinned_shards;
      user.pinned_bytes += charged_bytes(reported.file.bytes);
    }
    // One that is expanded has two files.
    user.fetched_shards += reported.use == CacheFileUse::kFetched &&
                                   reported.file.name.kind == CacheFileKind::kPart &&
                                   seen.has_locked(claim_byte(key))
                               ? 1
                               : 0;
  }
  return user;
}

void add_users(const Descriptor& pins, const std::string& path, CacheReport& report) {
  const uint64_t members = count_locked_bytes(pins.get(), 0, KeyLocks::kMaxMembers, path);
  uint64_t seen_members = 0;  // a process may be several
  for (const FileUser& seen : users_of_locks(path)) {
    report.users.push_back(user_of(seen, report.files));
    for (const LockedBytes& run : seen.locked) {
      const uint64_t end = std::min(run.last, KeyLocks::kMaxMembers - 1) + 1;
      seen_members += end - std::min(run.first, end);
    }
  }
  report.unseen_users = members - std::min(members, seen_members);
}

CacheReport report_of(const CachePaths& paths) {
  CacheReport report{.directory = paths.root(),
                     .limit_bytes = CacheLedger::recorded_limit(paths.ledger()),
                     .boot = boot_id()};
  CacheListing listing = list_cache(paths);
  report.foreign = std::move(listing.foreign);
  const std::string path = paths.pins();
  const Descriptor pins = Descriptor::open(path, O_RDONLY | O_NOFOLLOW);
  if (!pins && errno != ENOENT) {
    throw system_error("cannot be opened", path, errno);
  }
  for (const CacheFile& file : listing.files) {
    report.files.push_back({file, pins ? use_of(file, pins, path) : CacheFileUse::kFree});
  }
  if (pins) {
    add_users(pins, path, report);
  }
  return report;
}

}  // namespace

CacheReport report_cache(const std::string& directory) {
  const CachePaths paths(directory);
  check_cache_directory(paths);
  CacheReport report = report_of(paths);
  for (const CachePaths& own : list_private_directories(paths)) {
    report.privates.push_back(report_of(own));
  }
  return report;
}

}  // namespace headrace
