#include "engine/shard_look_ahead.h"

#include <chrono>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "dataset/remote_shards.h"
#include "storage/eviction_order.h"

namespace headrace {
namespace {

// Shards come and go every few milliseconds at most.
constexpr std::chrono::milliseconds kAdvanceEvery{1};

// What fails for a moment, as a lock of the cache may, is tried again so much later.
constexpr std::chrono::milliseconds kPauseAfterFailure{100};

// So many uses of the next epoch are looked at.
constexpr uint64_t kLaterUses = 65536;

// The store as a pass sees it.
class RemoteSupply : public ShardSupply {
 public:
  // Begins a pass of `length` positions. Throws as ShardStore::open().
  RemoteSupply(const RemoteShards& shards, uint64_t length, LoaderOptions options)
      : shards_(shards),
        options_(std::move(options)),
        begun_(Clock::now()),
        pass_(shards.store().begin_pass(length)) {}

  void advance(uint64_t position) { pass_->advance(position); }

  // Ends the pass: nothing is wanted or said any more.
  void end() noexcept { pass_.reset(); }

  void want(uint64_t shard, uint64_t position) override { pass_->want(shard, position); }
  void release(uint64_t shard, uint64_t position) override {
    shards_.retire(*pass_, shard, position);
  }
  void set_next_use(uint64_t shard, uint64_t position) override {
    pass_->set_next_use(shard, position);
  }
  uint64_t charge(uint64_t shard) const override { return shards_.store().charge(shard); }
  uint64_t share_bytes() const override {
    return shards_.store().share_bytes(expected_sharers(options_, Clock::now() - begun_));
  }

 private:
  using Clock = std::chrono::steady_clock;

  const RemoteShards& shards_;
  const LoaderOptions options_;
  const Clock::time_point begun_;
  std::unique_ptr<ShardPass> pass_;
};

}  // namespace

class ShardLookAhead::Store {
 public:
  Store(const DatasetPtr& dataset, const RemoteShards& remote, const BatchMaker& maker,
        const Setting& setting)
      : shards_(std::make_shared<const RowShards>(*dataset, remote)),
        supply_(remote, maker.order()->order().rows() + 1, setting.options) {
    if (maker.listed()) {
      auto listed = std::make_unique<ListedUses>(shards_);
      listed_ = listed.get();
      uses_ = std::move(listed);
    } else {
      check_shard_room(maker.order(), shards_,
                       {.limit = remote.store().limit_bytes(),
                        .share = remote.store().share_bytes(),
                        .sharers = setting.options.sharers()});
      uses_ = uses_of_order(maker.order(), shards_);
      if (!setting.options.in_stages) {  // what is used next in other rows nobody knows
        next_epoch_ = [dataset, options = setting.options, epoch = setting.epoch + 1] {
          return order_of(*dataset, options, epoch, 0);
        };
      }
    }
    wanted_ = std::make_unique<WantedShards>(
        supply_, *uses_, [this](uint64_t shard) { return later_use(shard); },
        WantedShards::Setting());
  }

  ListedUses* listed() const noexcept { return listed_; }

  // As WantedShards::advance(). Not after release_all().
  void advance(uint64_t oldest, uint64_t due) {
    supply_.advance(oldest);
    wanted_->advance(oldest, due);
  }

  // Lets everything go, and ends the pass.
  void release_all() noexcept {
    wanted_->release_all();
    supply_.end();
  }

  // Looks up what the next epoch uses first: as much as the cache may hold of it.
  void look_at_next_epoch() {
    if (!next_epoch_) {
      return;
    }
    const std::shared_ptr<const BatchOrder> order = next_epoch_();
    far_ = kLaterPass + order->order().rows();
    const uint64_t limit = shards_->store().store().limit_bytes();
    const auto uses = uses_of_order(order, shards_);
    uint64_t bytes = 0;
    for (uint64_t i = 0; i < kLaterUses && bytes <= limit; ++i) {
      const std::optional<ShardUse> use = uses->next();
      if (!use) {
        return;
      }
      if (later_.emplace(use->shard, kLaterPass + use->begin).second) {
        bytes += supply_.charge(use->shard);
      }
    }
  }

 private:
  uint64_t later_use(uint64_t shard) const {
    const auto found = later_.find(shard);
    return found == later_.end() ? far_ : found->second;
  }

  std::shared_ptr<const RowShards> shards_;
  RemoteSupply supply_;
  std::unique_ptr<ShardUses> uses_;
  ListedUses* listed_ = nullptr;                                   // uses_, if it is such
  std::function<std::shared_ptr<const BatchOrder>()> next_epoch_;  // none where nobody knows
  std::unordered_map<uint64_t, uint64_t> later_;
  uint64_t far_ = kNoKnownUse;  // of all others
  std::unique_ptr<WantedShards> wanted_;
};

ShardLookAhead::ShardLookAhead(const DatasetPtr& dataset, const BatchMaker& maker,
                               const BatchRing& ring, const Setting& setting)
    : dataset_(dataset), maker_(maker), ring_(ring), makers_(setting.makers) {
  for (const RemoteShards* remote : dataset_->remotes()) {
    stores_.push_back(std::make_unique<Store>(dataset_, *remote, maker, setting));
  }
}

ShardLookAhead::~ShardLookAhead() { release_all(); }

void ShardLookAhead::begin() noexcept {
  try_to([this] { advance(); });
}

// False if it has failed: the worker that needs the shard says what is wrong then, and gets what
// can be had.
bool ShardLookAhead::try_to(const std::function<void()>& act) noexcept {
  try {
    act();
    return true;
  } catch (const Error& error) {
    given_up_ = error.code() != ErrorCode::kIo;
  } catch (const std::exception&) {
    given_up_ = true;
  }
  failures_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

void ShardLookAhead::give_up() noexcept {
  given_up_ = true;
  failures_.fetch_add(1, std::memory_order_relaxed);
  release_all();
}

void ShardLookAhead::release_all() noexcept {
  for (const auto& store : stores_) {
    store->release_all();
  }
  for (const RemoteShards* remote : dataset_->remotes()) {
    remote->drop_recent();  // or they keep the room of another dataset
  }
}

void ShardLookAhead::name(uint64_t number, const std::vector<uint64_t>& rows) {
  if (given_up_) {
    return;  // nobody would take them
  }
  for (const auto& store : stores_) {
    store->listed()->name(number, rows);
  }
}

void ShardLookAhead::stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_all();
}

void ShardLookAhead::check_running() const {
  if (stopped_.load(std::memory_order_relaxed)) {
    throw Error(ErrorCode::kCancelled, "reading was cancelled");
  }
}

void ShardLookAhead::run() noexcept {
  while (!stopped_ && !given_up_) {
    const bool done = try_to([this] {
      advance();
      look_at_next_epoch();
    });
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, done ? kAdvanceEvery : kPauseAfterFailure,
                   [this] { return stopped_ || given_up_; });
  }
  release_all();
}

// Once, after what is needed first is on its way.
void ShardLookAhead::look_at_next_epoch() {
  for (; looked_at_ < stores_.size(); ++looked_at_) {
    stores_[looked_at_]->look_at_next_epoch();
  }
}

void ShardLookAhead::advance() {
  const uint64_t oldest = position_of(ring_.made());
  const uint64_t due = position_of(ring_.claimed() + makers_);
  for (const auto& store : stores_) {
    store->advance(oldest, due);
  }
}

// Where a batch begins, as uses count.
uint64_t ShardLookAhead::position_of(uint64_t batch) const noexcept {
  return maker_.listed() ? batch : maker_.plan().begin_of(batch);
}

}  // namespace headrace
