#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "base/uuid.h"
#include "dataset/shard_store.h"
#include "format/manifest.h"
#include "testing/job_threads.h"

namespace headrace {

// A dataset of shards that are made of their numbers, and whoever downloads them.
class NumberedShards {
 public:
  static constexpr uint64_t kShardBytes = 20'000;  // counted as 20,480
  static constexpr uint64_t kCharge = 20'480;

  explicit NumberedShards(size_t count) {
    auto table = std::make_shared<ShardTable>();
    for (size_t i = 0; i < count; ++i) {
      Uuid id = {static_cast<uint8_t>(i * 37), static_cast<uint8_t>(i >> 8)};
      id[15] = static_cast<uint8_t>(i);
      table->ids.push_back(id);
      table->rows.push_back(1);
      table->batch_rows.push_back(1);
      table->bytes.push_back(kShardBytes);
      table->stored_bytes.push_back(kShardBytes);
      table->stored_xxh3.push_back(hash_bytes(content(i)));
      table->encodings.push_back(ShardEncoding::kPlain);
    }
    table_ = std::move(table);
  }

  const std::shared_ptr<const ShardTable>& table() const noexcept { return table_; }

  static Uuid dataset() { return {1, 2, 3}; }

  static std::vector<std::byte> content(uint64_t shard) {
    std::vector<std::byte> bytes(kShardBytes);
    uint64_t word = 0;
    for (size_t i = 0; i < bytes.size(); ++i) {
      word = i % 64 == 0 ? hash_words({shard, i}) : word;
      bytes[i] = static_cast<std::byte>(word >> i % 57);
    }
    return bytes;
  }

  ShardStoreOptions options(const std::string& directory, uint64_t shards) const {
    return {.cache_directory = directory,
            .cache_bytes = shards * kCharge,
            .fetch = {.range_bytes = 8192,
                      .retry = {.first_delay = std::chrono::milliseconds(1)},
                      .origin = "mem://bucket/d?token=SECRET"}};
  }

 private:
  std::shared_ptr<const ShardTable> table_;
};

// Threads that download for a store. Each job's fault is what `fault` says, the bytes of a shard
// what `content` gives.
class Fetchers {
 public:
  enum class Fault : uint8_t { kNone, kFlip, kShort, kFail, kGone };
  using FaultOf = std::function<Fault(const FetchJob&)>;
  using ContentOf = std::function<std::vector<std::byte>(uint64_t shard)>;

  static Fault no_fault(const FetchJob& /*job*/) { return Fault::kNone; }

  explicit Fetchers(const ShardStore& store, int threads = 2, FaultOf fault = no_fault,
                    ContentOf content = NumberedShards::content)
      : threads_(store, threads,
                 [fault = std::move(fault), content = std::move(content)](FetchJob& job) {
                   fetch(job, fault(job), content);
                 }) {}

  static void fetch(FetchJob& job, Fault fault,
                    const ContentOf& content = NumberedShards::content) {
    if (fault == Fault::kFail || fault == Fault::kGone) {
      job.fail(fault == Fault::kFail ? "503" : "404",
               {.code = fault == Fault::kFail ? ErrorCode::kIo : ErrorCode::kNotFound,
                .retryable = fault == Fault::kFail});
      return;
    }
    std::vector<std::byte> bytes = content(job.request().id);
    if (fault == Fault::kFlip) {
      bytes[job.offset()] ^= std::byte{1};
    }
    const uint64_t count = job.bytes() - (fault == Fault::kShort ? 1 : 0);
    job.write(job.offset(), std::span(bytes).subspan(job.offset(), count));
    job.done("");
  }

 private:
  JobThreads threads_;
};

}  // namespace headrace
