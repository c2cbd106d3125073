#include "storage/cache_cleaning.h"

#include <memory>
#include <unistd.h>

#include "storage/cache_directory.h"
#include "storage/cache_ledger.h"
#include "storage/key_locks.h"

namespace headrace {
namespace {

uint64_t count_files(const CachePaths& paths) {
  uint64_t used = 0;
  for (const CacheFile& file : list_cache(paths).files) {
    used += charged_bytes(file.bytes);
  }
  return used;
}

class Cleaner {
 public:
  explicit Cleaner(const CachePaths& paths)
      : paths_(paths), locks_(KeyLocks::open(paths.pins())), ledger_(paths.ledger(), boot_id()) {}

  // The lock is given back after each file: others wait for one removal, not for all.
  void clean(const CacheFile& file) {
    CacheLedger::Session session = ledger_.lock();
    if (!session.trusted()) {
      session.recount([&] { return count_files(paths_); });
    }
    const uint64_t before = session.used();
    bool removed = false;
    session.change([&](uint64_t& used) { removed = remove_if_free(file, used); });
    const bool is_shard = file.name.kind == CacheFileKind::kShard;
    if (removed) {
      ++(is_shard ? done_.removed_shards : done_.removed_leftovers);
      done_.removed_bytes += before - session.used();
    } else {
      done_.kept_shards += file.name.kind == CacheFileKind::kStored ? 0 : 1;
      done_.kept_bytes += charged_bytes(file.bytes);
    }
  }

  const CacheCleaning& done() const noexcept { return done_; }

 private:
  bool remove_if_free(const CacheFile& file, uint64_t& used) const {
    const auto remove = [&] { remove_counted(paths_.file(file.boot, file.name), used); };
    if (file.name.kind == CacheFileKind::kShard) {
      return locks_->while_unpinned(file.name.key, remove);
    }
    const auto claim = locks_->claim(file.name.key);
    if (claim != nullptr) {
      remove();
    }
    return claim != nullptr;
  }

  const CachePaths& paths_;
  std::shared_ptr<KeyLocks> locks_;
  CacheLedger ledger_;
  CacheCleaning done_;
};

}  // namespace

CacheCleaning clean_cache(const std::string& directory, const std::function<void()>& poll) {
  const CachePaths paths(directory);
  check_cache_directory(paths);
  Cleaner cleaner(paths);
  const CacheListing listing = list_cache(paths);
  for (const CacheFile& file : listing.files) {
    poll();
    cleaner.clean(file);
  }
  for (const Uuid& boot : listing.boots) {
    if (boot != boot_id()) {
      ::rmdir(paths.boot(boot).c_str());  // fails where something is in it
    }
  }
  remove_dead_private_directories(paths, boot_id());
  return cleaner.done();
}

}  // namespace headrace
