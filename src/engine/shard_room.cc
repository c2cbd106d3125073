#include "engine/shard_room.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <queue>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/checked.h"
#include "base/error.h"

namespace headrace {
namespace {

constexpr uint64_t kCountedUses = 65536;
constexpr uint64_t kLookUpRows = 8192;  // at a time

constexpr std::chrono::seconds kOthersCome{10};

// A pass may download its shards so often; beyond it is an error.
constexpr double kMostDownloads = 4;

// "12.3 GB".
std::string size_text(double bytes) {
  static constexpr const char* kUnits[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
  size_t unit = 0;
  for (; bytes >= 1000 && unit + 1 < std::size(kUnits); ++unit) {
    bytes /= 1000;
  }
  char text[32];
  std::snprintf(text, sizeof(text), unit == 0 ? "%.0f %s" : "%.3g %s", bytes, kUnits[unit]);
  return text;
}

// A cache_bytes with which `needed` bytes are allowed.
std::string cache_bytes_for(uint64_t needed, uint64_t allowed, uint64_t limit) {
  return std::to_string(allowed == limit || allowed == 0 ? needed
                                                         : mul_div(needed, limit, allowed) + 1);
}

std::string found_room(const PassRoom& room, uint64_t allowed) {
  std::string text = "its cache may have " + std::to_string(room.limit);
  if (allowed < room.limit) {
    text += ", of which this pass may take " + std::to_string(allowed) +
            ", since other processes, ranks or datasets use it, too";
  }
  return text;
}

// A pass that needs the same shards again and again.
struct Repeated {
  std::string what;    // makes it so
  std::string advice;  // what to do instead
  uint64_t shards = 0;
  uint64_t bytes = 0;    // of all shards
  double downloads = 0;  // of all of them, by one process
};

const char* const kShardShuffle =
    "Use shuffle=hr.ShardShuffle(), which needs each shard once an "
    "epoch";

[[noreturn]] void refuse(const RemoteShards& store, const PassRoom& room, uint64_t allowed,
                         const Repeated& found) {
  const auto all = static_cast<double>(found.bytes);
  char times[32];
  std::snprintf(times, sizeof(times), found.downloads < 10 ? "%.1f" : "%.0f", found.downloads);
  throw Error(ErrorCode::kInvalid,
              found.what + " needs rows of " + std::to_string(found.shards) + " shards of " +
                  store.url() + " in random order. They are " + std::to_string(found.bytes) +
                  " bytes (" + size_text(all) + "), and " + found_room(room, allowed) +
                  ": an epoch would download about " + size_text(all * found.downloads) +
                  ", each shard " + times + " times. " + found.advice +
                  ", or pass a cache_bytes of at least " +
                  cache_bytes_for(found.bytes, allowed, room.limit),
              {.file = store.url(), .column = ""});
}

// How often shards are downloaded that are needed `uses` times in no order, where part of them is
// in the cache.
double downloads_of(double uses, uint64_t shards, uint64_t bytes, uint64_t allowed) {
  const double missing = 1 - static_cast<double>(allowed) / static_cast<double>(bytes);
  return std::max(1.0, uses * missing / static_cast<double>(shards));
}

// The same where each batch takes rows of all shards.
double downloads_of_batches(const Plan& plan, uint64_t shards, uint64_t bytes, uint64_t allowed) {
  const auto all = static_cast<double>(shards);
  const auto rows = static_cast<double>(plan.batch(0).count);
  const double of_batch = all * -std::expm1(rows * std::log1p(-1 / all));  // all, if it is 1
  return downloads_of(static_cast<double>(plan.batches()) * of_batch, shards, bytes, allowed);
}

uint64_t charge_of(const RemoteShards& store, const std::vector<uint64_t>& shards) {
  uint64_t bytes = 0;
  for (const uint64_t shard : shards) {
    bytes = saturating_add(bytes, store.store().least_charge(shard));
  }
  return bytes;
}

// Whether all ranks need the same shards: not where they have lanes of their own.
bool ranks_alike(const BatchOrder& order) {
  const WindowShuffle* window = order.order().window();
  return window == nullptr || window->turns(order.plan().batch(0).stride).period == window->lanes();
}

// The shards that rows lie in. Rows are looked up until all shards were found that may have some:
// of those that were chosen at random these are few.
std::vector<uint64_t> touched_shards(const RowShards& shards, const std::vector<uint64_t>& all,
                                     uint64_t rows) {
  RowShards::Workspace space;
  std::vector<bool> seen(shards.store().table().size());
  std::vector<uint64_t> touched;
  for (uint64_t first = 0; first < rows && touched.size() < all.size(); first += kLookUpRows) {
    for (const uint64_t shard :
         shards.of_range(first, std::min(kLookUpRows, rows - first), space)) {
      if (!seen[shard]) {
        seen[shard] = true;
        touched.push_back(shard);
      }
    }
  }
  return touched;
}

void check_exact(const BatchOrder& order, const RowShards& shards, const PassRoom& room) {
  const uint64_t allowed = room.allowed(true);
  std::vector<uint64_t> touched = shards.all();
  if (charge_of(shards.store(), touched) > allowed && !shards.in_order()) {
    touched = touched_shards(shards, touched, order.order().rows());
  }
  const uint64_t bytes = charge_of(shards.store(), touched);
  if (bytes > allowed) {
    refuse(shards.store(), room, allowed,
           {.what = "shuffle=True",
            .advice = kShardShuffle,
            .shards = touched.size(),
            .bytes = bytes,
            .downloads = downloads_of_batches(order.plan(), touched.size(), bytes, allowed)});
  }
}

void check_demand(const RemoteShards& store, const ShardDemand& demand, uint64_t largest,
                  const PassRoom& room, uint64_t allowed) {
  if (demand.bytes <= allowed) {
    return;
  }
  // With one more the next shard comes while the others are read.
  throw Error(ErrorCode::kInvalid,
              "a batch of this pass needs " + std::to_string(demand.shards) + " shards of " +
                  store.url() + " at the same time, which take " + std::to_string(demand.bytes) +
                  " bytes, and " + found_room(room, allowed) + ", room for " +
                  std::to_string(allowed / std::max<uint64_t>(1, largest)) +
                  " of them; pass a cache_bytes of at least " +
                  cache_bytes_for(demand.bytes + largest, allowed, room.limit) +
                  ", or take a smaller window or smaller batches",
              {.file = store.url(), .column = ""});
}

}  // namespace

uint64_t expected_sharers(const LoaderOptions& options, std::chrono::nanoseconds since) noexcept {
  if (since >= kOthersCome) {
    return 1;
  }
  return options.local_ranks > 0 ? options.sharers()
                                 : options.split.every * options.split.world_size;
}

uint64_t PassRoom::allowed(bool alike) const noexcept {
  const uint64_t processes = std::max<uint64_t>(1, sharers);
  return alike ? std::min(limit, saturating_mul(share, processes))
               : std::min(share, limit / processes);
}

ShardDemand demand_of(ShardUses& uses, uint64_t start, uint64_t span, uint64_t end,
                      const std::function<uint64_t(uint64_t)>& charge) {
  using End = std::pair<uint64_t, uint64_t>;  // of a use, and its shard
  std::priority_queue<End, std::vector<End>, std::greater<>> open;
  struct Open {
    uint64_t uses = 0;
    uint64_t bytes = 0;  // as they were counted: a size may become known meanwhile
  };
  std::unordered_map<uint64_t, Open> opened;  // by shard
  ShardDemand demand;
  uint64_t bytes = 0;
  uint64_t last = start;
  std::optional<ShardUse> use = uses.next();
  for (; use && demand.uses < kCountedUses; use = uses.next()) {
    last = use->begin;
    const uint64_t of_batch = start + (use->begin - start) / span * span;
    for (; !open.empty() && open.top().first <= of_batch; open.pop()) {
      const auto ended = opened.find(open.top().second);
      if (--ended->second.uses == 0) {
        bytes -= ended->second.bytes;
        opened.erase(ended);
      }
    }
    open.emplace(use->end, use->shard);
    if (Open& begun = opened[use->shard]; ++begun.uses == 1) {
      begun.bytes = charge(use->shard);
      bytes += begun.bytes;
    }
    if (bytes > demand.bytes) {
      demand.bytes = bytes;
      demand.shards = opened.size();
    }
    ++demand.uses;
  }
  if (use && last > start) {
    demand.uses = mul_div(demand.uses, end - start, last - start);
  }
  return demand;
}

void check_shard_room(const std::shared_ptr<const BatchOrder>& order,
                      const std::shared_ptr<const RowShards>& shards, const PassRoom& room) {
  const Plan& plan = order->plan();
  if (plan.batches() == 0) {
    return;
  }
  if (!order->order().sequential() && order->order().window() == nullptr) {
    check_exact(*order, *shards, room);
    return;
  }
  const RemoteShards& store = shards->store();
  const uint64_t allowed = room.allowed(ranks_alike(*order));
  const std::vector<uint64_t> all = shards->all();
  const uint64_t bytes = charge_of(store, all);
  if (bytes <= allowed) {
    return;
  }
  const auto charge = [&](uint64_t shard) { return store.store().least_charge(shard); };
  const Plan::Batch batch = plan.batch(0);
  const auto uses = uses_of_order(order, shards);
  const ShardDemand demand =
      demand_of(*uses, plan.begin_of(0), batch.count * batch.stride, order->order().rows(), charge);
  uint64_t largest = 0;
  for (const uint64_t shard : all) {
    largest = std::max(largest, charge(shard));
  }
  check_demand(store, demand, largest, room, allowed);
  const double downloads =
      downloads_of(static_cast<double>(demand.uses), all.size(), bytes, allowed);
  if (downloads > kMostDownloads) {
    const bool chosen = order->order().sequential();
    refuse(store, room, allowed,
           {.what = chosen ? "a dataset of rows in another order than that of their shards"
                           : "hr.BlockShuffle",
            .advice = chosen ? "Sort the indices of the subset" : kShardShuffle,
            .shards = all.size(),
            .bytes = bytes,
            .downloads = downloads});
  }
}

}  // namespace headrace
