#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dataset/made_shard_writer.h"
#include "dataset/remote_dataset.h"
#include "storage/job_sink.h"
#include "testing/job_threads.h"
#include "testing/shards.h"
#include "testing/temp_dir.h"

namespace headrace {

// A dataset whose shards are made of columns in memory when they are wanted, and whoever makes
// them.
class MadeDatasetForTests {
 public:
  static constexpr uint64_t kBatchRows = 8;

  // Shard i has shard_rows[i] of the rows.
  MadeDatasetForTests(std::vector<ShardColumn> columns, std::vector<uint64_t> shard_rows)
      : columns_(std::move(columns)), shard_rows_(std::move(shard_rows)) {}

  const std::vector<ShardColumn>& columns() const noexcept { return columns_; }

  std::string cache() const { return dir_.path("cache"); }

  // The file of a shard.
  uint64_t bytes(size_t shard) const {
    MemorySink sink;
    MadeShardWriter writer(schema_of(columns_), kBatchRows, sink);
    writer.write(views(shard));
    return writer.finish().bytes;
  }

  // The shards through a cache of `cache_bytes`; `known`: whether their rows are.
  std::shared_ptr<RemoteShards> open(uint64_t cache_bytes, bool known,
                                     MadeShards::Seen seen = {.row_bytes = 1, .bytes = 1}) const {
    MadeDataset made{.id = {7}, .origin = "load", .schema = schema_of(columns_), .seen = seen};
    for (size_t i = 0; i < shard_rows_.size(); ++i) {
      made.shards.push_back({.id = {static_cast<uint8_t>(i + 1)},
                             .content_hash = i,
                             .known = {.name = "s" + std::to_string(i),
                                       .rows = known ? shard_rows_[i] : 0,
                                       .batch_rows = kBatchRows}});
    }
    return make_remote_shards(std::move(made),
                              {.cache_directory = cache(), .cache_bytes = cache_bytes});
  }

  std::vector<ColumnView> views(size_t shard) const {
    uint64_t first = 0;
    for (size_t i = 0; i < shard; ++i) {
      first += shard_rows_[i];
    }
    std::vector<ColumnView> views;
    for (const ShardColumn& column : columns_) {
      views.push_back(column.view(first, shard_rows_[shard]));
    }
    return views;
  }

  // Makes shards for whoever waits, in two threads, until it goes.
  class Makers {
   public:
    Makers(const MadeDatasetForTests& dataset, std::shared_ptr<RemoteShards> shards)
        : dataset_(dataset),
          shards_(std::move(shards)),
          made_(dataset.shard_rows_.size()),
          threads_(shards_->store(), 2, [this](FetchJob& job) { make(job); }) {}

    // How often a shard was made, tries without enough room with it.
    int made(size_t shard) const { return made_[shard]; }

   private:
    void make(FetchJob& job) {
      const auto shard = static_cast<size_t>(job.request().id);
      ++made_[shard];
      JobSink sink(job);
      MadeShardWriter writer(schema_of(dataset_.columns_), kBatchRows, sink);
      writer.write(dataset_.views(shard));
      writer.finish();
      sink.finish();
    }

    const MadeDatasetForTests& dataset_;
    std::shared_ptr<RemoteShards> shards_;
    std::vector<std::atomic<int>> made_;
    JobThreads threads_;
  };

 private:
  TempDir dir_;
  std::vector<ShardColumn> columns_;
  std::vector<uint64_t> shard_rows_;
};

}  // namespace headrace
