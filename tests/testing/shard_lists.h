#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/uuid.h"
#include "dataset/shard_list.h"

// Lists of shards of which there is nothing but the numbers of rows.
namespace headrace {

// A record batch that says where it is.
class ListedSource : public Source {
 public:
  ListedSource(const ShardSet& set, uint64_t shard, uint64_t first_row, uint64_t rows)
      : Source(rows), place_{&set, shard}, first_row_(first_row) {}
  DType dtype(size_t) const noexcept override { return DType::kUint8; }
  std::string file(size_t) const override { return place_.set->path(place_.shard); }
  uint64_t first_row_in_file() const noexcept override { return first_row_; }
  ShardPlace place() const noexcept override { return place_; }
  void read(size_t, uint64_t, uint64_t, std::byte*, OpenFiles&) const override {}

 protected:
  std::unique_ptr<const OpenSource> do_open() const override {
    return std::make_unique<OpenSource>();
  }

 private:
  ShardPlace place_;
  uint64_t first_row_;
};

// "/shards/0", "/shards/1", ... Of a row, a ragged column, and nothing else.
class ListedShards : public ShardSet {
 public:
  ListedShards() : ShardSet({{.name = "x", .kind = ColumnKind::kRagged}}, {}) {}
  std::string path(size_t shard) const override { return "/shards/" + std::to_string(shard); }
  std::string id(size_t shard) const override { return std::to_string(shard); }
  ExpectedShard expected(size_t /*shard*/) const override { return {}; }
};

inline std::shared_ptr<const ShardTable> shard_table(const std::vector<uint64_t>& rows,
                                                     const std::vector<uint64_t>& batch_rows,
                                                     uint64_t bytes) {
  const size_t count = rows.size();
  return std::make_shared<const ShardTable>(
      ShardTable{.ids = std::vector<Uuid>(count),
                 .rows = rows,
                 .batch_rows = batch_rows,
                 .bytes = std::vector<uint64_t>(count, bytes),
                 .stored_bytes = std::vector<uint64_t>(count, bytes),
                 .stored_xxh3 = std::vector<uint64_t>(count),
                 .encodings = std::vector<ShardEncoding>(count, ShardEncoding::kPlain)});
}

// Shard i has rows[i] rows in batches of batch_rows[i], and claims to have `bytes` bytes.
inline std::shared_ptr<const ShardList> shard_list(const std::vector<uint64_t>& rows,
                                                   const std::vector<uint64_t>& batch_rows,
                                                   uint64_t bytes = 1 << 20) {
  const auto set = std::make_shared<const ListedShards>();
  return std::make_shared<const ShardList>(
      set, shard_table(rows, batch_rows, bytes), [bytes](size_t) { return bytes; },
      [set](size_t shard, size_t /*batch*/, uint64_t first_row, uint64_t of) {
        return std::make_unique<const ListedSource>(*set, shard, first_row, of);
      });
}

}  // namespace headrace
