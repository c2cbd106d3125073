#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "column/column_view.h"
#include "column/gather.h"
#include "column/schema.h"
#include "storage/file.h"
#include "storage/mapped_file.h"
#include "storage/open_files.h"

namespace headrace {

// How the rows of files are read.
enum class Io : uint8_t {
  kAuto,   // through a map where that is sound and allowed, otherwise by pread
  kMmap,   // through a map, or not at all
  kPread,  // by pread
};

// The map of `file`, or nullptr where its rows are to be read by pread. Throws kUnsupported where
// `io` is kMmap and there is no map to be had; kIo.
std::shared_ptr<const MappedFile> map_file(const File& file, Io io);

// A path that many columns share; what a file is known by is where its text lies (OpenFiles).
class SharedPath {
 public:
  SharedPath() : SharedPath(std::string()) {}
  SharedPath(std::string path) : path_(std::make_shared<const std::string>(std::move(path))) {}

  const std::string& text() const noexcept { return *path_; }
  operator const std::string&() const noexcept { return *path_; }

 private:
  std::shared_ptr<const std::string> path_;
};

// Where a column lies in a file: row i starts at offset + i * row_bytes.
struct StoredRows {
  SharedPath path;
  uint64_t offset = 0;
  uint64_t row_bytes = 0;
  DType dtype = DType::kUint8;
  std::optional<FileInfo> info = std::nullopt;  // of the file that was looked at, if one was
};

// A part of a column with offsets, as it lies in a file.
struct StoredPart {
  const StoredRows* file = nullptr;  // which file; null for memory, and where there is no such part
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

struct OpenShard;

// A source after it was opened. The rows of a column are where `columns` says; a null pointer there
// means that the column could not be mapped and goes through Source::read.
struct OpenSource {
  std::vector<PieceRows> columns;  // of tensors; unset for columns with offsets
  // Of columns with offsets, by number of the column; unset for tensors, and empty where there are
  // only tensors. Null offsets mean that the column goes through Source::read_part.
  std::vector<ColumnView> variable;
  // Where the tensors lie in files, by number of the column, of sources that know it only when they
  // are open; row_bytes is 0 for what has no such place, as columns with offsets.
  std::vector<StoredRows> stored;
  // What keeps the columns alive, one for each, or a single one for all; null where it is not
  // mapped. Empty for arrays.
  std::vector<std::shared_ptr<const MappedFile>> maps;
  // Of a transient source: set when those who hold it should let it go. Null for others.
  const std::atomic<bool>* retired = nullptr;
  const OpenShard* shard = nullptr;  // of a transient source: the file that its rows lie in

  // The map that holds `column`; nullptr where it is not mapped.
  const MappedFile* map_of(size_t column) const noexcept {
    return maps.empty() ? nullptr : maps[maps.size() == 1 ? 0 : column].get();
  }
};

class RemoteShards;
class ShardSet;

// Shard `shard` of a set; of none where `set` is null.
struct ShardPlace {
  const ShardSet* set = nullptr;
  uint64_t shard = 0;
  bool operator==(const ShardPlace&) const = default;
};

// Where rows come from: one or more columns with the same rows. Opened lazily, once, by whichever
// thread is first, without a lock: no mutex of a dataset may be held by another thread while the
// process forks.
class Source {
 public:
  explicit Source(uint64_t rows) : rows_(rows) {}
  virtual ~Source();
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  uint64_t rows() const noexcept { return rows_; }

  // Opens at the first call. Throws what the storage throws; a later call then tries again.
  const OpenSource& open() const;

  // Whether the rows may come and go: then open() and opened() are not for it, but hold(), and what
  // was held may be let go and held again.
  bool is_transient() const noexcept { return remote() != nullptr; }

  // The shards that a transient source's rows lie in; nullptr for others.
  virtual const RemoteShards* remote() const noexcept { return nullptr; }

  // What keeps the rows readable. Of a transient source nothing where they are not here; then they
  // are on their way. Others are opened, and the result counts nothing. Throws as open().
  virtual std::shared_ptr<const OpenSource> hold() const;

  // Waits until the rows of a transient source are here, and they may be gone again. Calls `poll`
  // now and then, which may throw to stop. `first` is asked now and then whether this one goes
  // before all others that wait, which one at a time may say. Throws why they cannot be had.
  virtual void fetch(const std::function<void()>& /*poll*/,
                     const std::function<bool()>& /*first*/ = {}) const {}

  // The rows that hold() has sent for are not needed after all.
  virtual void abandon() const {}

  // The open source, or nullptr before the first successful open().
  const OpenSource* opened() const noexcept { return opened_.load(std::memory_order_acquire); }

  // Throws kTruncated when a file that is mapped has become shorter.
  void check_files() const;

  // Whether this is a NumberSource: many rows are better written than read one at a time.
  virtual bool is_numbers() const noexcept { return false; }

  // What `column` holds.
  virtual DType dtype(size_t column) const noexcept = 0;

  // What the indices of `column` are, if it is csr.
  virtual DType index_dtype(size_t /*column*/) const noexcept { return DType::kInt64; }

  // Whether rows lie in files; file() then says in which.
  virtual bool in_files() const noexcept { return false; }

  // Whether a row is all bytes of a file, which may be many.
  virtual bool rows_are_files() const noexcept { return false; }

  // The file that holds `column`; empty for memory.
  virtual std::string file(size_t column) const = 0;

  // The number in that file of row 0.
  virtual uint64_t first_row_in_file() const noexcept { return 0; }

  // The shard, or other Arrow file, that the rows lie in, which sources of its other record batches
  // share; none for other sources.
  virtual ShardPlace place() const noexcept { return {}; }

  // Bytes of all rows of a column with offsets, offsets and all; of a file that was not opened yet
  // an estimate from its size.
  virtual uint64_t variable_bytes(size_t /*column*/) const noexcept { return 0; }

  // Where the tensors of `column` are stored; nullptr for memory, and for columns with offsets.
  // May open the source, and then throws what opening throws.
  virtual const StoredRows* stored(size_t column) const;

  // Copies rows [first, first + rows) of `column` to `out`. For columns that open() left unmapped.
  // Throws kIo, kTruncated, and what opening throws.
  virtual void read(size_t column, uint64_t first, uint64_t rows, std::byte* out,
                    OpenFiles& files) const = 0;

  // Copies elements [first, first + count) of `part` of a column with offsets to `out`, in the
  // sizes of OpenSource::variable. For columns that open() left unmapped. Throws as read().
  virtual void read_part(size_t column, ColumnPart part, uint64_t first, uint64_t count,
                         std::byte* out, OpenFiles& files) const;

  // The same from `open`, which hold() has returned and somebody holds. Transient sources are read
  // in this way only.
  virtual void read_held(const OpenSource& /*open*/, size_t column, uint64_t first, uint64_t rows,
                         std::byte* out, OpenFiles& files) const {
    read(column, first, rows, out, files);
  }
  virtual void read_part_held(const OpenSource& /*open*/, size_t column, ColumnPart part,
                              uint64_t first, uint64_t count, std::byte* out,
                              OpenFiles& files) const {
    read_part(column, part, first, count, out, files);
  }

  // Where all of a part of a column with offsets is stored. May open the source, and then throws
  // what opening throws.
  virtual StoredPart stored_part(size_t /*column*/, ColumnPart /*part*/) const { return {}; }

  // Tells the kernel what becomes of rows [first, first + rows) of `column`. Does nothing for
  // memory, nor for used rows of what is not mapped. Throws what opening throws.
  void advise(size_t column, uint64_t first, uint64_t rows, Advice advice, OpenFiles& files) const;

  // The same for elements [first, first + count) of a part. Requires: open() was called.
  virtual void advise_part(size_t /*column*/, ColumnPart /*part*/, uint64_t /*first*/,
                           uint64_t /*count*/, Advice /*advice*/, OpenFiles& /*files*/) const {}

 protected:
  virtual std::unique_ptr<const OpenSource> do_open() const = 0;

 private:
  uint64_t rows_;
  mutable std::atomic<const OpenSource*> opened_{nullptr};
};

// Rows in memory that somebody else may own.
class ArraySource : public Source {
 public:
  struct Array {
    Buffer owner;    // keeps the rows alive
    PieceRows rows;  // never null for tensors
    uint64_t row_bytes = 0;
    DType dtype = DType::kUint8;
    std::optional<ColumnView> variable = std::nullopt;  // of a column with offsets
    uint64_t variable_bytes = 0;
    DType index_dtype = DType::kInt64;  // of csr
  };

  // Requires: every array has `rows` rows.
  ArraySource(uint64_t rows, std::vector<Array> arrays);

  DType dtype(size_t column) const noexcept override;
  DType index_dtype(size_t column) const noexcept override { return arrays_[column].index_dtype; }
  std::string file(size_t column) const override;
  uint64_t variable_bytes(size_t column) const noexcept override;
  void read(size_t column, uint64_t first, uint64_t rows, std::byte* out,
            OpenFiles& files) const override;

 protected:
  std::unique_ptr<const OpenSource> do_open() const override;

 private:
  std::vector<Array> arrays_;
};

// Rows in files, one file a column. A file that was replaced by another since it was looked at is
// refused, whatever its size.
class FileSource : public Source {
 public:
  // Requires: every file has `rows` rows.
  FileSource(uint64_t rows, std::vector<StoredRows> files, Io io = Io::kAuto);

  bool in_files() const noexcept override { return true; }
  DType dtype(size_t column) const noexcept override;
  std::string file(size_t column) const override;
  const StoredRows* stored(size_t column) const override;
  void read(size_t column, uint64_t first, uint64_t rows, std::byte* out,
            OpenFiles& files) const override;

 protected:
  std::unique_ptr<const OpenSource> do_open() const override;

 private:
  std::shared_ptr<const MappedFile> map(const StoredRows& stored) const;

  std::vector<StoredRows> files_;
  Io io_;
};

// One column whose row i is the number i, as int64: row ids, which take no memory.
class NumberSource : public Source {
 public:
  using Source::Source;

  bool is_numbers() const noexcept override { return true; }
  DType dtype(size_t column) const noexcept override;
  std::string file(size_t column) const override;
  void read(size_t column, uint64_t first, uint64_t rows, std::byte* out,
            OpenFiles& files) const override;

 protected:
  std::unique_ptr<const OpenSource> do_open() const override;
};

// Writes first, first + 1, ...: `rows` numbers as int64. The address needs no alignment.
inline void write_numbers(uint64_t first, uint64_t rows, std::byte* out) noexcept {
  for (uint64_t i = 0; i < rows; ++i) {
    const uint64_t number = first + i;
    std::memcpy(out + i * sizeof(number), &number, sizeof(number));
  }
}

}  // namespace headrace
