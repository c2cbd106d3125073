#include "dataset/coming_rows.h"

#include <algorithm>
#include <set>
#include <unistd.h>

#include "base/checked.h"
#include "base/error.h"
#include "dataset/extents.h"
#include "storage/open_files.h"

namespace headrace {
namespace {

// The shards of `store` that the rows of a table lie in, in row order.
void add_shards(const Dataset& dataset, const RemoteShards& store, std::vector<uint64_t>& shards) {
  for (const RowSpacePtr& space : dataset.groups()) {
    for (uint64_t i = 0; space->is_table() && i < space->piece_count(); i = space->file_end(i)) {
      const ShardPlace place = space->place(i);
      if (place.set == &store) {
        shards.push_back(place.shard);
      }
    }
  }
  for (const DatasetColumn& column : dataset.columns()) {
    if (column.members != nullptr) {
      add_shards(*column.members, store, shards);
    }
  }
}

}  // namespace

uint64_t ask_for_rows(const Dataset& dataset, uint64_t bytes) {
  OpenFiles files;
  uint64_t asked = 0;
  for (const Extent& extent : file_extents(dataset)) {
    const uint64_t wanted = std::min(extent.bytes, bytes - asked);
    if (wanted == 0) {
      break;
    }
    try {
      files.get(extent.rows->path, extent.rows->info).will_need(extent.offset, wanted);
      asked += wanted;
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): see above
    }
  }
  return asked;
}

ComingShards::ComingShards(DatasetPtr dataset)
    : dataset_(std::move(dataset)), process_(::getpid()) {
  for (const RemoteShards* store : dataset_->remotes()) {
    try {
      ask(*store);
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): who reads the rows is told
    }
  }
}

void ComingShards::ask(const RemoteShards& store) {
  const uint64_t share = store.store().share_bytes();
  uint64_t bytes = 0;
  std::vector<uint64_t> shards;
  add_shards(*dataset_, store, shards);
  std::set<uint64_t> seen;
  for (const uint64_t shard : shards) {
    if (!seen.insert(shard).second) {
      continue;
    }
    bytes = saturating_add(bytes, store.store().charge(shard));
    if (bytes > share) {
      return;
    }
    store.ask(shard);
    shards_.emplace_back(&store, shard);
  }
}

ComingShards::~ComingShards() {
  if (process_ != ::getpid()) {
    return;  // what the parent has asked for is not this one's
  }
  for (const auto& [store, shard] : shards_) {
    try {
      store->abandon(shard);
    } catch (const std::exception&) {
      return;  // the cache is gone, and with it whom it could disturb
    }
  }
}

}  // namespace headrace
