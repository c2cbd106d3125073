#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "dataset/commit.h"
#include "dataset/dataset_paths.h"
#include "dataset/directory_dataset.h"
#include "dataset/remote_dataset.h"
#include "storage/durable_file.h"
#include "testing/dataset_directory.h"
#include "testing/numbered_shards.h"
#include "testing/shards.h"
#include "testing/temp_dir.h"

namespace headrace {

// A dataset whose shards lie in a directory, which stands for a store.
class StoredDataset {
 public:
  static constexpr uint64_t kBatchRows = 8;
  static constexpr const char* kUrl = "s3://bucket/data";

  // Writes the rows of `columns` to shards, shard_rows[i] of them to shard i.
  StoredDataset(std::vector<ShardColumn> columns, const std::vector<uint64_t>& shard_rows)
      : columns_(std::move(columns)) {
    create_dataset_directories(paths_);
    uint64_t first = 0;
    for (const uint64_t rows : shard_rows) {
      entries_.push_back(write(first, rows));
      first += rows;
    }
    commit_shards(paths_, {.schema = schema_of(columns_), .entries = entries_});
  }

  const DatasetPaths& paths() const noexcept { return paths_; }
  const std::vector<ShardColumn>& columns() const noexcept { return columns_; }

  std::string path(size_t shard) const { return paths_.shard(*parse_uuid(entries_[shard].id)); }

  // What a shard takes in a cache; of all shards the most.
  uint64_t charge() const {
    uint64_t most = 0;
    for (const ShardEntry& entry : entries_) {
      most = std::max(most, charged_bytes(entry.stored_bytes));
    }
    return most;
  }

  DatasetPtr local() const { return dataset_from_directory(paths_, 0, {}); }

  std::string default_cache() const { return dir_.path("cache"); }

  // The shards through a cache with room for `room` of them.
  std::shared_ptr<RemoteShards> open(uint64_t room) const { return open(room, default_cache()); }
  std::shared_ptr<RemoteShards> open(uint64_t room, const std::string& cache) const {
    return open_remote_shards(
        paths_, 0, kUrl,
        {.cache_directory = cache,
         .cache_bytes = room * charge(),
         .fetch = {.range_bytes = 1024, .retry = {.first_delay = std::chrono::milliseconds(1)}}});
  }

  // For Fetchers.
  Fetchers::ContentOf content() const {
    return [this](uint64_t shard) {
      std::ifstream file(path(shard), std::ios::binary);
      std::vector<std::byte> bytes(entries_[shard].stored_bytes);
      file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
      if (!file) {
        throw std::runtime_error("cannot read " + path(shard));
      }
      return bytes;
    };
  }

 private:
  ShardEntry write(uint64_t first, uint64_t rows) {
    DurableFile file = DurableFile::create(paths_.shards(), DurableFile::Unfinished::kAuto);
    ShardWriter writer(schema_of(columns_), kBatchRows, file);
    for (uint64_t row = 0; row < rows; row += kBatchRows) {
      std::vector<ColumnView> views;
      for (const ShardColumn& column : columns_) {
        views.push_back(column.view(first + row, std::min(kBatchRows, rows - row)));
      }
      writer.write_batch(views);
    }
    return publish_shard(file, writer.finish(), rows, kBatchRows);
  }

  TempDir dir_;
  DatasetPaths paths_{dir_.path("store")};
  std::vector<ShardColumn> columns_;
  std::vector<ShardEntry> entries_;
};

// Its shards, and threads that download them.
class ServedDataset {
 public:
  ServedDataset(const StoredDataset& stored, uint64_t room)
      : ServedDataset(stored, room, stored.default_cache()) {}
  ServedDataset(const StoredDataset& stored, uint64_t room, const std::string& cache,
                Fetchers::FaultOf fault = Fetchers::no_fault)
      : shards_(stored.open(room, cache)),
        dataset_(dataset_of_remote_shards(shards_)),
        fetchers_(shards_->store(), 2, std::move(fault), stored.content()) {}

  const std::shared_ptr<RemoteShards>& shards() const noexcept { return shards_; }
  const DatasetPtr& dataset() const noexcept { return dataset_; }
  const ShardStore& store() const noexcept { return shards_->store(); }

 private:
  std::shared_ptr<RemoteShards> shards_;
  DatasetPtr dataset_;
  Fetchers fetchers_;
};

}  // namespace headrace
