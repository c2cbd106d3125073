#include "dataset/directory_dataset.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/uuid.h"
#include "dataset/lazy_objects.h"
#include "dataset/shard_pieces.h"
#include "dataset/shard_source.h"
#include "dataset/versions.h"

namespace headrace {
namespace {

class DirectoryShards : public ShardSet {
 public:
  DirectoryShards(DatasetPaths paths, Schema schema, const ShardReading& reading, ShardTable shards)
      : ShardSet(std::move(schema), reading),
        paths_(std::move(paths)),
        shards_(std::make_shared<const ShardTable>(std::move(shards))) {}

  std::string path(size_t shard) const override { return paths_.shard(shards_->ids[shard]); }
  std::string id(size_t shard) const override { return uuid_text(shards_->ids[shard]); }
  ExpectedShard expected(size_t shard) const override {
    return {.rows = shards_->rows[shard],
            .bytes = shards_->stored_bytes[shard],
            .xxh3 = shards_->stored_xxh3[shard],
            .rules = LayoutRules::kProfileOnly,
            .links = Links::kRefuse};
  }

  Error missing_error(size_t shard, const Error& /*found*/) const override {
    const auto before = shards_->rows.begin() + static_cast<ptrdiff_t>(shard);
    const uint64_t first = std::accumulate(shards_->rows.begin(), before, uint64_t{0});
    return Error(ErrorCode::kNotFound,
                 "shard " + id(shard) + " is missing: " + path(shard) +
                     " does not exist; it holds rows " + std::to_string(first) + " to " +
                     std::to_string(first + *before - 1) + " of the dataset in " + paths_.root() +
                     ". Restore the file from a copy, or go on without its rows (select_shards); "
                     "headrace verify lists all that is missing or damaged",
                 {.file = path(shard), .column = "", .row = first});
  }

  const std::shared_ptr<const ShardTable>& table() const noexcept { return shards_; }

 private:
  DatasetPaths paths_;
  std::shared_ptr<const ShardTable> shards_;
};

// What makes their sources: of a shard they share the file, which is made with the first.
MakeShardSource sources_of(const std::shared_ptr<const DirectoryShards>& set) {
  using File = std::shared_ptr<const ShardFile>;
  const auto files = std::make_shared<const LazyObjects<File>>(set->table()->size());
  return [set, files](size_t shard, size_t batch, uint64_t first_row, uint64_t rows) {
    const File& file = files->get(shard, [&] {
      return std::make_unique<const File>(std::make_shared<const ShardFile>(set, shard));
    });
    return std::make_unique<const ShardSource>(file, batch, first_row, rows);
  };
}

}  // namespace

DatasetPtr dataset_from_directory(const DatasetPaths& paths, uint64_t version,
                                  const ShardReading& reading) {
  DatasetVersion found = read_version(paths, version);
  const Schema schema = found.header.schema;
  const auto set =
      std::make_shared<const DirectoryShards>(paths, schema, reading, std::move(found.shards));
  const auto bytes_of = [&](size_t shard) {
    return std::min(set->expected(shard).bytes, inspect_file(set->path(shard)).size);
  };
  return dataset_of_shards(
      schema, std::make_shared<const ShardList>(set, set->table(), bytes_of, sources_of(set)));
}

}  // namespace headrace
