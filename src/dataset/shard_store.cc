#include "dataset/shard_store.h"

#include <unistd.h>
#include <utility>

namespace headrace {

ShardStore::ShardStore(const Uuid& dataset, std::shared_ptr<const ShardTable> shards,
                       ShardStoreOptions options)
    : dataset_(dataset), shards_(std::move(shards)), options_(std::move(options)) {}

ShardStore::~ShardStore() {
  const auto* found = window_.load(std::memory_order_acquire);
  if (found != nullptr && (*found)->process() == ::getpid()) {
    (*found)->queue().close();
    delete found;
  }
}

std::shared_ptr<ShardWindow> ShardStore::window() const {
  const auto* found = window_.load(std::memory_order_acquire);
  while (found == nullptr || (*found)->process() != ::getpid()) {
    auto fresh = std::make_unique<const std::shared_ptr<ShardWindow>>(
        ShardWindow::open(dataset_, shards_, options_));
    if (window_.compare_exchange_strong(found, fresh.get(), std::memory_order_acq_rel)) {
      found = fresh.release();  // what a child finds stays the parent's, and is never dropped
    }
  }
  return *found;
}

void ShardStore::open() const { window(); }

void ShardStore::want(uint64_t shard, uint64_t position) const { window()->want(shard, position); }

std::shared_ptr<const CachedShard> ShardStore::wait(uint64_t shard,
                                                    const std::function<void()>& poll) const {
  return window()->wait(shard, poll);
}

void ShardStore::release(uint64_t shard, uint64_t position) const {
  window()->release(shard, position);
}

void ShardStore::set_next_use(uint64_t shard, uint64_t position) const {
  window()->set_next_use(shard, position);
}

std::unique_ptr<FetchJob> ShardStore::take(std::chrono::milliseconds timeout) const {
  return window()->take(timeout);
}

std::string ShardStore::describe(uint64_t shard) const { return window()->queue().describe(shard); }

ShardStoreStats ShardStore::stats() const { return window()->stats(); }

uint64_t ShardStore::share_bytes() const { return window()->share_bytes(); }

void ShardStore::close() const { window()->queue().close(); }

}  // namespace headrace
