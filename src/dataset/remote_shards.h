#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "dataset/recent_shards.h"
#include "dataset/shard_file.h"
#include "dataset/shard_store.h"

namespace headrace {

class RemoteShards;

// A shard of a store while it is mapped from the cache, with its record batches open. Who holds one
// keeps it readable, and its bytes in the cache.
class HeldShard {
 public:
  // Opens what is in the cache. Throws as ShardFile::open.
  HeldShard(std::shared_ptr<const CachedShard> file, const std::shared_ptr<const RemoteShards>& set,
            uint64_t number);
  ~HeldShard();
  HeldShard(const HeldShard&) = delete;
  HeldShard& operator=(const HeldShard&) = delete;

  const OpenShard& file() const noexcept { return open_; }

  // Record batch `number`, its pointers into the map. Throws kCorrupt unless it is rows [first_row,
  // first_row + rows).
  const OpenSource& batch(size_t number, uint64_t first_row, uint64_t rows) const;

  // Asks whoever holds it to let it go.
  void retire() const noexcept { retired_.store(true, std::memory_order_relaxed); }
  bool retired() const noexcept { return retired_.load(std::memory_order_relaxed); }

 private:
  std::shared_ptr<const CachedShard> cached_;
  std::weak_ptr<const RemoteShards> set_;
  uint64_t number_;
  pid_t process_;
  OpenShard open_;
  std::vector<OpenSource> batches_;
  mutable std::atomic<bool> retired_{false};
};

// The shards of a dataset in a store, as sources read them: each is opened once while anybody reads
// it. Thread-safe. What was opened is of one process: a child of fork() opens its own.
class RemoteShards : public ShardSet, public std::enable_shared_from_this<RemoteShards> {
 public:
  // `url`: where the dataset is, as anybody may see it.
  RemoteShards(Schema schema, const Uuid& dataset, std::shared_ptr<const ShardTable> shards,
               std::string url, ShardStoreOptions options);
  ~RemoteShards() override;

  const std::string& url() const noexcept { return url_; }
  const ShardTable& table() const noexcept { return *shards_; }
  const std::shared_ptr<const ShardTable>& shared_table() const noexcept { return shards_; }
  const ShardStore& store() const noexcept { return *store_; }
  // For who fetches: closed when this goes, so that a share in it keeps nobody waiting.
  const std::shared_ptr<const ShardStore>& shared_store() const noexcept { return store_; }

  std::string path(size_t shard) const override;
  // Of what is made, its name.
  std::string id(size_t shard) const override;
  ExpectedShard expected(size_t shard) const override;

  // The shard, if it is here; else nothing, and it is on its way. Throws as ShardStore::find and
  // HeldShard.
  std::shared_ptr<const HeldShard> find(uint64_t shard) const;

  // Waits until the shard is here; it may be gone again. Calls `poll` every 50 ms. A wait of
  // ShardStoreOptions::tell_after is told in a line on stderr. Throws as ShardStore::wait.
  void fetch(uint64_t shard, const std::function<void()>& poll,
             const std::function<bool()>& first = {}) const;

  // The shard, which is waited for if it is not here. Throws as find() and fetch().
  std::shared_ptr<const HeldShard> hold(uint64_t shard, const std::function<void()>& poll) const;

  // Sends for a shard that is read next; it comes when there is room. Throws as ShardStore::ask.
  void ask(uint64_t shard) const { store_->ask(shard); }

  // A shard that find() or ask() sent for is not needed, or not any more.
  void abandon(uint64_t shard) const { store_->let_go(shard); }

  // Releases a shard that a pass may have wanted of the store, as ShardPass::release(), and asks
  // all who hold it to let it go, unless another pass wants it.
  void retire(ShardPass& pass, uint64_t shard, uint64_t next_use) const;

  // Lets go of the shards that were opened last and that no reader holds; so does a call for room.
  void drop_recent() const noexcept;

  // Called by threads of the user before they read: calls the waker until it has returned once in a
  // process, several threads perhaps at the same time. It starts what downloads.
  void wake() const;
  void set_waker(std::function<void()> waker) { waker_ = std::move(waker); }

 private:
  friend class HeldShard;

  // What one process has open.
  struct Opened {
    explicit Opened(pid_t of) : process(of) {}

    const pid_t process;
    std::mutex mutex;
    std::map<uint64_t, std::weak_ptr<const HeldShard>> shards;
    // Whoever gives others room may outlive this for a moment.
    const std::shared_ptr<RecentShards> recent = std::make_shared<RecentShards>();
    std::once_flag gives_room;
  };

  Opened& opened() const;
  std::shared_ptr<const HeldShard> find_opened(uint64_t shard) const;
  std::shared_ptr<const HeldShard> share_opened(uint64_t shard,
                                                std::shared_ptr<const HeldShard> fresh) const;
  void forget(uint64_t shard) const;
  void keep_recent(uint64_t shard, const std::shared_ptr<const HeldShard>& held) const;
  void tell_of_wait(uint64_t shard, std::chrono::steady_clock::duration waited) const;

  std::shared_ptr<const ShardTable> shards_;
  std::string url_;
  std::chrono::milliseconds tell_after_;
  mutable std::atomic<std::chrono::steady_clock::duration> quiet_until_{};  // nothing more is told
  std::shared_ptr<const ShardStore> store_;
  std::function<void()> waker_;
  mutable std::atomic<pid_t> awake_{0};  // the process that was woken
  mutable std::atomic<Opened*> opened_{nullptr};
};

}  // namespace headrace
