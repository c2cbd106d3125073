#include "dataset/directory_dataset.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/uuid.h"
#include "dataset/shard_pieces.h"
#include "dataset/shard_source.h"
#include "dataset/versions.h"

namespace headrace {
namespace {

// A record batch takes more than this in a file, for its metadata alone.
constexpr uint64_t kLeastBatchBytes = 64;

// A shard with more record batches is looked at before there are pieces for them: a manifest may
// say anything of its size.
constexpr uint64_t kManyBatches = 4096;

// So are shards when they have more together, which many small claims may add up to: so many, and
// so many more for each shard, which a manifest pays for by an entry.
constexpr uint64_t kManyPieces = uint64_t{1} << 18;
constexpr uint64_t kPiecesPerShard = 4;

class DirectoryShards : public ShardSet {
 public:
  DirectoryShards(DatasetPaths paths, Schema schema, const ShardReading& reading, ShardTable shards)
      : ShardSet(std::move(schema), reading),
        paths_(std::move(paths)),
        shards_(std::move(shards)) {}

  std::string path(size_t shard) const override { return paths_.shard(shards_.ids[shard]); }
  std::string id(size_t shard) const override { return uuid_text(shards_.ids[shard]); }
  ExpectedShard expected(size_t shard) const override {
    return {.rows = shards_.rows[shard],
            .bytes = shards_.stored_bytes[shard],
            .xxh3 = shards_.stored_xxh3[shard],
            .rules = LayoutRules::kProfileOnly,
            .links = Links::kRefuse};
  }

  Error missing_error(size_t shard, const Error& /*found*/) const override {
    const auto before = shards_.rows.begin() + static_cast<ptrdiff_t>(shard);
    const uint64_t first = std::accumulate(shards_.rows.begin(), before, uint64_t{0});
    return Error(ErrorCode::kNotFound,
                 "shard " + id(shard) + " is missing: " + path(shard) +
                     " does not exist; it holds rows " + std::to_string(first) + " to " +
                     std::to_string(first + *before - 1) + " of the dataset in " + paths_.root() +
                     ". Restore the file from a copy, or go on without its rows (select_shards); "
                     "headrace verify lists all that is missing or damaged",
                 {.file = path(shard), .column = "", .row = first});
  }

  const ShardTable& shards() const noexcept { return shards_; }

 private:
  DatasetPaths paths_;
  ShardTable shards_;
};

// Throws where a shard cannot hold its record batches; `before` is how many those before it have.
void check_batches(const DirectoryShards& set, size_t shard, uint64_t batches, uint64_t before) {
  if (batches <= kManyBatches && before + batches <= kManyPieces + kPiecesPerShard * (shard + 1)) {
    return;
  }
  const uint64_t bytes = std::min(set.expected(shard).bytes, inspect_file(set.path(shard)).size);
  if (batches > bytes / kLeastBatchBytes) {
    throw Error(ErrorCode::kCorrupt,
                set.path(shard) + " cannot hold the " + std::to_string(batches) +
                    " record batches that its manifest says in " + std::to_string(bytes) + " bytes",
                {.file = set.path(shard), .column = ""});
  }
}

std::vector<Piece> pieces_of(const std::shared_ptr<const DirectoryShards>& set) {
  const ShardTable& shards = set->shards();
  std::vector<Piece> pieces;
  pieces.reserve(shards.size());
  for (size_t i = 0; i < shards.size(); ++i) {
    const uint64_t rows = shards.rows[i];
    const uint64_t batch_rows = shards.batch_rows[i];
    check_batches(*set, i, (rows - 1) / batch_rows + 1, pieces.size());
    const auto file = std::make_shared<const ShardFile>(set, i);
    for (uint64_t first = 0; first < rows;) {
      const uint64_t count = std::min(batch_rows, rows - first);
      pieces.push_back(
          {.source = std::make_shared<const ShardSource>(file, first / batch_rows, first, count),
           .first = 0,
           .rows = count,
           .columns = nullptr});
      first += count;
    }
  }
  return pieces;
}

}  // namespace

DatasetPtr dataset_from_directory(const DatasetPaths& paths, uint64_t version,
                                  const ShardReading& reading) {
  DatasetVersion found = read_version(paths, version);
  const Schema schema = found.header.schema;
  const auto set =
      std::make_shared<const DirectoryShards>(paths, schema, reading, std::move(found.shards));
  return dataset_of_pieces(schema, pieces_of(set), std::vector<bool>(schema.size()));
}

}  // namespace headrace
