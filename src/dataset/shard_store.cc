#include "dataset/shard_store.h"

#include <thread>
#include <unistd.h>
#include <utility>

namespace headrace {

ShardStore::ShardStore(const Uuid& dataset, std::shared_ptr<const ShardTable> shards,
                       ShardStoreOptions options)
    : dataset_(dataset),
      shards_(std::move(shards)),
      options_(std::move(options)),
      rooms_(shards_, options_.made) {}

ShardStore::~ShardStore() {
  const auto* found = window_.load(std::memory_order_acquire);
  if (found != nullptr && (*found)->process() == ::getpid()) {
    (*found)->queue().close();
    delete found;
  }
}

// One thread of a process opens the cache, and the others wait: each opening counts as a process
// that shares it. They do not wait on a lock, which a child of fork() would inherit.
std::shared_ptr<ShardWindow> ShardStore::window() const {
  const pid_t process = ::getpid();
  while (true) {
    const auto* found = window_.load(std::memory_order_acquire);
    if (found != nullptr && (*found)->process() == process) {
      return *found;
    }
    pid_t opener = opener_.load(std::memory_order_relaxed);
    if (opener != process &&
        opener_.compare_exchange_strong(opener, process, std::memory_order_acquire)) {
      return open_window(process);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

std::shared_ptr<ShardWindow> ShardStore::open_window(pid_t process) const {
  struct Leave {
    std::atomic<pid_t>& opener;
    ~Leave() { opener.store(0, std::memory_order_release); }
  } const leave{opener_};
  const auto* found = window_.load(std::memory_order_acquire);
  if (found == nullptr || (*found)->process() != process) {
    auto fresh = std::make_unique<const std::shared_ptr<ShardWindow>>(
        ShardWindow::open(dataset_, shards_, options_));
    // What a child finds stays the parent's, and is never dropped.
    found = fresh.release();
    window_.store(found, std::memory_order_release);
  }
  return *found;
}

void ShardStore::open() const { window(); }

std::unique_ptr<ShardPass> ShardStore::begin_pass(uint64_t length) const {
  return std::make_unique<ShardPass>(window(), length);
}

std::shared_ptr<const CachedShard> ShardStore::wait(uint64_t shard,
                                                    const std::function<void()>& poll,
                                                    const std::function<bool()>& first) const {
  return window()->wait(shard, poll, first);
}

std::shared_ptr<const CachedShard> ShardStore::find(uint64_t shard) const {
  return window()->find(shard);
}

void ShardStore::ask(uint64_t shard) const { window()->ask(shard); }

void ShardStore::let_go(uint64_t shard) const { window()->let_go(shard); }

std::shared_ptr<FetchQueue> ShardStore::jobs() const { return window()->jobs(); }

std::string ShardStore::describe(uint64_t shard) const { return window()->queue().describe(shard); }

ShardStoreStats ShardStore::stats() const {
  const auto* found = window_.load(std::memory_order_acquire);
  const bool used = found != nullptr && (*found)->process() == ::getpid();
  return used ? (*found)->stats() : ShardStoreStats{};
}

uint64_t ShardStore::limit_bytes() const { return window()->limit_bytes(); }

uint64_t ShardStore::share_bytes(uint64_t expected) const {
  return window()->share_bytes(expected);
}

CacheId ShardStore::cache() const { return window()->cache(); }

std::unique_ptr<const WaitingTurn> ShardStore::take_turn() const { return window()->take_turn(); }

void ShardStore::when_called(std::function<void()> give_up) const {
  window()->when_called(std::move(give_up));
}

void ShardStore::close() const {
  const auto* found = window_.load(std::memory_order_acquire);
  if (found != nullptr && (*found)->process() == ::getpid()) {
    (*found)->queue().close();
  }
}

}  // namespace headrace
