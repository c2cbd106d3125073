#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>

#include "base/error.h"
#include "column/schema.h"
#include "dataset/source.h"
#include "format/shard_layout.h"
#include "storage/file.h"
#include "storage/mapped_file.h"

namespace headrace {

// How shards are read.
struct ShardReading {
  Io io = Io::kAuto;
  bool verify = false;  // hash record batches, and the file, when it is first opened
};

// What is known of a file before it is opened; a file that is otherwise is refused.
struct ExpectedShard {
  uint64_t rows = 0;                            // 0: not known
  uint64_t bytes = 0;                           // of the file; 0: not known before it is there
  std::optional<uint64_t> xxh3 = std::nullopt;  // of the file, if it is known
  std::optional<FileInfo> info = std::nullopt;  // of the file that was looked at, if one was
  LayoutRules rules = LayoutRules::kAnyArrow;
  Links links = Links::kFollow;
};

// Files of rows with one schema, by number. Nothing of it needs an open file. Immutable.
class ShardSet {
 public:
  ShardSet(Schema schema, ShardReading reading);
  virtual ~ShardSet();
  ShardSet(const ShardSet&) = delete;
  ShardSet& operator=(const ShardSet&) = delete;

  const Schema& schema() const noexcept { return schema_; }
  const ShardReading& reading() const noexcept { return reading_; }

  virtual std::string path(size_t shard) const = 0;

  // The shard's UUID; empty for a file that is known by its path alone.
  virtual std::string id(size_t shard) const = 0;

  virtual ExpectedShard expected(size_t shard) const = 0;

  // What to throw for a shard whose file does not exist, where opening it gave `found`, a
  // kNotFound: that, unless the set knows more about it.
  virtual Error missing_error(size_t /*shard*/, const Error& found) const { return found; }

  // About how many bytes a column with offsets takes in a shard of `bytes` bytes and `rows` rows:
  // an equal share of what the tensors leave.
  uint64_t variable_bytes(uint64_t bytes, uint64_t rows) const noexcept;

 private:
  Schema schema_;
  ShardReading reading_;
  uint64_t tensor_bytes_ = 0;  // of a row
  uint64_t variable_columns_ = 0;
};

// A file of a ShardSet after it was opened and checked.
struct OpenShard {
  SharedPath path;
  FileInfo info;
  ShardLayout layout;
  std::shared_ptr<const MappedFile> map;  // nullptr where rows are read by pread
};

// What `file` says of itself, without its map. Throws as ShardFile::open for a file that is not as
// expected, or has other columns than the set.
OpenShard read_open_shard(const File& file, const ShardSet& set, const ExpectedShard& expected);

// One file of a ShardSet, which its record batches share. Opened lazily, once, by whichever thread
// is first, without a lock; with `verify`, others wait for its hashes. Closed it takes little
// memory: there may be a million.
class ShardFile {
 public:
  ShardFile(std::shared_ptr<const ShardSet> set, size_t number) noexcept
      : set_(std::move(set)), number_(number) {}
  ~ShardFile();
  ShardFile(const ShardFile&) = delete;
  ShardFile& operator=(const ShardFile&) = delete;

  const ShardSet& set() const noexcept { return *set_; }
  size_t number() const noexcept { return number_; }
  std::string path() const { return set_->path(number_); }
  std::string id() const { return set_->id(number_); }
  ExpectedShard expected() const { return set_->expected(number_); }

  // Opens at the first call. Throws, naming the file: kNotFound, as missing_error(); kCorrupt for a
  // file that is not as expected, that has other columns, or that contradicts its format or, with
  // verify, its hashes; kTruncated, kUnsupported, kIo. A later call then tries again.
  const OpenShard& open() const;

 private:
  std::unique_ptr<const OpenShard> do_open() const;
  File open_file(const ExpectedShard& expected) const;

  std::shared_ptr<const ShardSet> set_;
  size_t number_;
  mutable std::atomic<const OpenShard*> opened_{nullptr};
  mutable std::atomic<pid_t> opening_{0};  // the process whose thread hashes the file
};

}  // namespace headrace
