#include "dataset/remote_shards.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <unistd.h>
#include <utility>

#include "dataset/dataset_paths.h"
#include "dataset/made_shards.h"
#include "dataset/record_batch.h"

namespace headrace {
namespace {

using std::chrono::steady_clock;

// The part of the share that shards may take which are kept open for who reads row by row.
constexpr uint64_t kRecentPart = 4;
// They are let go when somebody waits for so long: what lies in the cache comes sooner.
constexpr std::chrono::milliseconds kRecentPatience{40};

// Of a shard that was made before, when it had other rows than are asked for now.
Error other_rows_error(const RemoteShards& set, size_t shard, uint64_t found) {
  return Error(ErrorCode::kInvalid,
               set.path(shard) + " had " + std::to_string(found) + " rows when it was made, and " +
                   std::to_string(set.table().rows[shard]) +
                   " are expected now; correct rows=, or give another version= if the function "
                   "returns other rows than before",
               {.file = set.id(shard), .column = ""});
}

}  // namespace

HeldShard::HeldShard(std::shared_ptr<const CachedShard> file,
                     const std::shared_ptr<const RemoteShards>& set, uint64_t number)
    : cached_(std::move(file)), set_(set), number_(number), process_(::getpid()) {
  const File opened(cached_->path(), cached_->info(), Links::kRefuse);
  ExpectedShard expected = set->expected(number);
  expected.bytes = cached_->info().size;  // compressed shards are expanded in the cache
  const uint64_t rows = expected.rows;
  if (set->store().made() != nullptr) {
    expected.rows = 0;  // it is no damage when they differ
  }
  open_ = read_open_shard(opened, *set, expected);
  if (rows != 0 && open_.layout.rows != rows) {
    throw other_rows_error(*set, number, open_.layout.rows);
  }
  open_.map = cached_->map();
  for (size_t b = 0; b < open_.layout.batches.size(); ++b) {
    const BatchLayout& batch = open_.layout.batches[b];
    batches_.push_back(RecordBatch(open_, b, batch.first_row, batch.rows).open());
    batches_.back().retired = &retired_;
    batches_.back().shard = &open_;
  }
}

HeldShard::~HeldShard() {
  batches_.clear();
  open_.map.reset();
  cached_.reset();
  if (const auto set = set_.lock(); set != nullptr && process_ == ::getpid()) {
    try {
      set->forget(number_);
    } catch (const std::exception&) {
      return;  // the cache is gone, and with it whom it could disturb
    }
  }
}

const OpenSource& HeldShard::batch(size_t number, uint64_t first_row, uint64_t rows) const {
  RecordBatch(open_, number, first_row, rows);  // throws unless it is this one
  return batches_[number];
}

RemoteShards::RemoteShards(Schema schema, const Uuid& dataset,
                           std::shared_ptr<const ShardTable> shards, std::string url,
                           ShardStoreOptions options)
    : ShardSet(std::move(schema), {}),
      shards_(std::move(shards)),
      url_(std::move(url)),
      tell_after_(options.tell_after),
      store_(std::make_shared<const ShardStore>(dataset, shards_, std::move(options))) {}

RemoteShards::~RemoteShards() {
  store_->close();  // who fetches may have a share in it for a moment
  Opened* found = opened_.load(std::memory_order_acquire);
  if (found != nullptr && found->process == ::getpid()) {
    delete found;
  }
}

std::string RemoteShards::path(size_t shard) const {
  if (store_->made() != nullptr) {
    return "shard " + id(shard) + " of " + url_;
  }
  return url_ + "/shards/" + DatasetPaths::shard_name(shards_->ids[shard]);
}

std::string RemoteShards::id(size_t shard) const {
  const MadeShards* made = store_->made();
  return made != nullptr ? made->name(shard) : uuid_text(shards_->ids[shard]);
}

ExpectedShard RemoteShards::expected(size_t shard) const {
  return {.rows = shards_->rows[shard],
          // Of what is made it is an estimate, which others may have otherwise.
          .bytes = store_->made() != nullptr ? 0 : shards_->stored_bytes[shard],
          .xxh3 = shards_->stored_xxh3[shard],
          .rules = LayoutRules::kProfileOnly,
          .links = Links::kRefuse};
}

RemoteShards::Opened& RemoteShards::opened() const {
  Opened* found = opened_.load(std::memory_order_acquire);
  while (found == nullptr || found->process != ::getpid()) {
    auto fresh = std::make_unique<Opened>(::getpid());
    if (opened_.compare_exchange_strong(found, fresh.get(), std::memory_order_acq_rel)) {
      found = fresh.release();  // what a child finds stays the parent's, and is never dropped
    }
  }
  return *found;
}

std::shared_ptr<const HeldShard> RemoteShards::find_opened(uint64_t shard) const {
  Opened& opened = this->opened();
  const std::lock_guard lock(opened.mutex);
  const auto found = opened.shards.find(shard);
  return found == opened.shards.end() ? nullptr : found->second.lock();
}

std::shared_ptr<const HeldShard> RemoteShards::find(uint64_t shard) const {
  if (auto held = find_opened(shard); held != nullptr && !held->retired()) {
    return held;
  }
  auto file = store_->find(shard);
  if (file == nullptr) {
    return nullptr;
  }
  auto held = share_opened(
      shard, std::make_shared<const HeldShard>(std::move(file), shared_from_this(), shard));
  keep_recent(shard, held);
  return held;
}

// What threads have opened at the same time becomes the one that all hold: retire() sees no other.
std::shared_ptr<const HeldShard> RemoteShards::share_opened(
    uint64_t shard, std::shared_ptr<const HeldShard> fresh) const {
  Opened& opened = this->opened();
  const std::lock_guard lock(opened.mutex);
  std::weak_ptr<const HeldShard>& known = opened.shards[shard];
  if (auto other = known.lock(); other != nullptr && !other->retired()) {
    return other;  // `fresh` goes after the lock
  }
  known = fresh;
  return fresh;
}

// Of a shard that was held, by its destructor.
void RemoteShards::forget(uint64_t shard) const {
  Opened& opened = this->opened();
  {
    const std::lock_guard lock(opened.mutex);
    const auto found = opened.shards.find(shard);
    if (found != opened.shards.end() && found->second.expired()) {
      opened.shards.erase(found);
    }
  }
  store_->let_go(shard);
}

void RemoteShards::keep_recent(uint64_t shard, const std::shared_ptr<const HeldShard>& held) const {
  Opened& opened = this->opened();
  std::call_once(opened.gives_room, [&] {
    store_->when_called([weak = std::weak_ptr<RecentShards>(opened.recent)] {
      if (const auto recent = weak.lock()) {
        recent->drop_all();
      }
    });
  });
  opened.recent->keep(shard, held, store_->share_bytes() / kRecentPart);
}

void RemoteShards::drop_recent() const noexcept { opened().recent->drop_all(); }

void RemoteShards::fetch(uint64_t shard, const std::function<void()>& poll,
                         const std::function<bool()>& first) const {
  const auto since = steady_clock::now();
  bool told = false;
  const auto look = [&] {
    const auto waited = steady_clock::now() - since;
    if (waited >= kRecentPatience) {
      drop_recent();
    }
    if (!told && waited >= tell_after_) {
      told = true;
      tell_of_wait(shard, waited);
    }
    poll();
  };
  store_->wait(shard, look, first);
}

std::shared_ptr<const HeldShard> RemoteShards::hold(uint64_t shard,
                                                    const std::function<void()>& poll) const {
  auto held = find(shard);
  while (held == nullptr) {
    fetch(shard, poll);
    held = find(shard);  // it may be gone again
  }
  return held;
}

// A line for all that wait at that time.
void RemoteShards::tell_of_wait(uint64_t shard, steady_clock::duration waited) const {
  const auto now = steady_clock::now().time_since_epoch();
  auto quiet_until = quiet_until_.load(std::memory_order_relaxed);
  if (now < quiet_until || !quiet_until_.compare_exchange_strong(quiet_until, now + tell_after_)) {
    return;
  }
  const double seconds = std::chrono::duration<double>(waited).count();
  const std::string line = "headrace: has waited " + std::to_string(std::lround(seconds)) +
                           " s for " + path(shard) + ": " + store_->describe(shard) + '\n';
  // At once and whole, whatever other threads write.
  static_cast<void>(!::write(STDERR_FILENO, line.data(), line.size()));
}

void RemoteShards::retire(ShardPass& pass, uint64_t shard, uint64_t next_use) const {
  pass.release(shard, next_use, [&] {
    if (const auto held = find_opened(shard); held != nullptr) {
      held->retire();
    }
    opened().recent->drop(shard);
  });
}

void RemoteShards::wake() const {
  if (waker_ && awake_.load(std::memory_order_relaxed) != ::getpid()) {
    waker_();
    awake_.store(::getpid(), std::memory_order_relaxed);
  }
}

}  // namespace headrace
