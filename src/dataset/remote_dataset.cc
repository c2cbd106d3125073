#include "dataset/remote_dataset.h"

#include <chrono>
#include <utility>

#include "base/error.h"
#include "dataset/remote_source.h"
#include "dataset/shard_pieces.h"
#include "dataset/versions.h"

namespace headrace {
namespace {

constexpr uint64_t kMostRows = uint64_t{1} << 62;

// What a user's function needs is for the user to say.
constexpr std::chrono::hours kAnyTime{365 * 24};

std::shared_ptr<const ShardTable> table_of(const MadeDataset& made, const MadeShards& sizes) {
  auto table = std::make_shared<ShardTable>();
  uint64_t all_rows = 0;
  for (size_t i = 0; i < made.shards.size(); ++i) {
    const MadeDataset::Shard& shard = made.shards[i];
    if (shard.known.batch_rows == 0) {
      throw Error(ErrorCode::kInvalid, shard.known.name + ": a record batch has at least one row");
    }
    if (shard.known.rows > kMostRows - all_rows) {
      throw Error(ErrorCode::kInvalid,
                  "the shards of " + made.origin + " have more than 2^62 rows; correct rows=");
    }
    all_rows += shard.known.rows;
    table->ids.push_back(shard.id);
    table->rows.push_back(shard.known.rows);
    table->batch_rows.push_back(shard.known.batch_rows);
    table->bytes.push_back(sizes.most_bytes(i));
    table->stored_bytes.push_back(table->bytes.back());
    table->stored_xxh3.push_back(shard.content_hash);
    table->encodings.push_back(ShardEncoding::kPlain);
  }
  return table;
}

}  // namespace

std::shared_ptr<RemoteShards> open_remote_shards(const DatasetPaths& paths, uint64_t version,
                                                 const std::string& url,
                                                 ShardStoreOptions options) {
  DatasetVersion found = read_version(paths, version);
  options.fetch.origin = url;
  return std::make_shared<RemoteShards>(found.header.schema, found.header.dataset,
                                        std::make_shared<const ShardTable>(std::move(found.shards)),
                                        url, std::move(options));
}

std::shared_ptr<RemoteShards> make_remote_shards(MadeDataset made, ShardStoreOptions options) {
  std::vector<MadeShards::Shard> known;
  known.reserve(made.shards.size());
  for (const MadeDataset::Shard& shard : made.shards) {
    known.push_back(shard.known);
  }
  // Whole blocks, as the cache counts them.
  const uint64_t most = options.cache_bytes / charged_bytes(1) * charged_bytes(1);
  options.made = std::make_shared<MadeShards>(made.schema, std::move(known), made.seen, most);
  options.fetch.origin = made.origin;
  options.fetch.retry.deadline = kAnyTime;
  auto table = table_of(made, *options.made);
  return std::make_shared<RemoteShards>(std::move(made.schema), made.id, std::move(table),
                                        made.origin, std::move(options));
}

DatasetPtr dataset_of_remote_shards(const std::shared_ptr<const RemoteShards>& shards) {
  return dataset_of_shards(
      shards->schema(),
      std::make_shared<const ShardList>(
          shards, shards->shared_table(),
          [&](size_t shard) { return shards->table().bytes[shard]; },
          [shards](size_t shard, size_t batch, uint64_t first_row, uint64_t rows) {
            return std::make_unique<const RemoteSource>(shards, shard, batch, first_row, rows);
          }));
}

}  // namespace headrace
