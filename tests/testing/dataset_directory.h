#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <fcntl.h>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <sys/stat.h>
#include <vector>

#include "base/uuid.h"
#include "column/schema.h"
#include "dataset/commit.h"
#include "dataset/dataset_paths.h"
#include "format/manifest.h"
#include "format/shard_writer.h"
#include "storage/durable_file.h"

// Datasets of one column of numbers, whose shards lie in a directory.
namespace headrace {

// Gives a finished shard its name in the dataset.
inline ShardEntry publish_shard(DurableFile& file, const ShardSummary& summary, uint64_t rows,
                                uint64_t batch_rows) {
  const Uuid id = make_uuid();
  if (!file.publish(DatasetPaths::shard_name(id))) {
    throw std::runtime_error("a new name exists");
  }
  return {.id = uuid_text(id),
          .rows = rows,
          .batch_rows = batch_rows,
          .bytes = summary.bytes,
          .stored_bytes = summary.bytes,
          .stored_xxh3 = summary.xxh3};
}

inline Schema number_schema() { return {{.name = "x", .dtype = DType::kInt64}}; }

// Writes a shard of the numbers first, first + 1, ... that no manifest names yet.
inline ShardEntry write_shard(const DatasetPaths& paths, uint64_t rows, int64_t first = 0,
                              DurableFile::Unfinished kind = DurableFile::Unfinished::kAuto) {
  constexpr uint64_t kBatchRows = 16;
  create_dataset_directories(paths);
  std::vector<int64_t> values(rows);
  std::iota(values.begin(), values.end(), first);
  DurableFile file = DurableFile::create(paths.shards(), kind);
  ShardWriter writer(number_schema(), kBatchRows, file);
  for (uint64_t row = 0; row < rows; row += kBatchRows) {
    const ColumnView view{.rows = std::min(kBatchRows, rows - row),
                          .values = reinterpret_cast<const std::byte*>(values.data() + row)};
    writer.write_batch(std::span(&view, 1));
  }
  return publish_shard(file, writer.finish(), rows, kBatchRows);
}

// Writes and commits one shard of `rows` rows.
inline CommitResult commit_rows(const DatasetPaths& paths, uint64_t rows, bool snapshot = false) {
  return commit_shards(
      paths,
      {.schema = number_schema(), .entries = {write_shard(paths, rows)}, .snapshot = snapshot});
}

// Sets back the time of the last write of a file.
inline void make_older(const std::string& path, std::chrono::seconds age) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) {
    throw std::runtime_error("no file " + path);
  }
  const std::array<timespec, 2> times = {
      {{.tv_sec = 0, .tv_nsec = UTIME_OMIT},
       {.tv_sec = status.st_mtim.tv_sec - age.count(), .tv_nsec = 0}}};
  if (::utimensat(AT_FDCWD, path.c_str(), times.data(), 0) != 0) {
    throw std::runtime_error("cannot set the time of " + path);
  }
}

}  // namespace headrace
