#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "column/gather.h"
#include "column/schema.h"
#include "storage/file.h"
#include "storage/mapped_file.h"
#include "storage/open_files.h"

namespace headrace {

// A source after it was opened. The rows of a column are where `columns` says; a null pointer there
// means that the column could not be mapped and goes through Source::read.
struct OpenSource {
  std::vector<PieceRows> columns;
  // What keeps `columns` alive, one for each; null where it is not mapped. Empty for arrays.
  std::vector<std::shared_ptr<const MappedFile>> maps;
};

// How the rows of files are read.
enum class Io : uint8_t {
  kAuto,   // through a map where that is sound and allowed, otherwise by pread
  kMmap,   // through a map, or not at all
  kPread,  // by pread
};

// Where a column lies in a file: row i starts at offset + i * row_bytes.
struct StoredRows {
  std::string path;
  uint64_t offset = 0;
  uint64_t row_bytes = 0;
  DType dtype = DType::kUint8;
  std::optional<FileInfo> info = std::nullopt;  // of the file that was looked at, if one was
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

  // The open source, or nullptr before the first successful open().
  const OpenSource* opened() const noexcept { return opened_.load(std::memory_order_acquire); }

  // Throws kTruncated when a file that is mapped has become shorter.
  void check_files() const;

  // Whether this is a NumberSource: many rows are better written than read one at a time.
  virtual bool is_numbers() const noexcept { return false; }

  // What `column` holds.
  virtual DType dtype(size_t column) const noexcept = 0;

  // The file that holds `column`; empty for memory.
  virtual const std::string& file(size_t column) const noexcept = 0;

  // Where `column` is stored; nullptr for memory.
  virtual const StoredRows* stored(size_t column) const noexcept;

  // Copies rows [first, first + rows) of `column` to `out`. For columns that open() left unmapped.
  // Throws kIo, kTruncated, and what opening throws.
  virtual void read(size_t column, uint64_t first, uint64_t rows, std::byte* out,
                    OpenFiles& files) const = 0;

  // Starts reading rows [first, first + rows) of `column` into memory, and returns before they are
  // there. Does nothing for memory. Throws what opening throws.
  void will_need(size_t column, uint64_t first, uint64_t rows, OpenFiles& files) const;

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
    Buffer owner;    // keeps `rows` alive
    PieceRows rows;  // never null
    uint64_t row_bytes;
    DType dtype;
  };

  // Requires: every array has `rows` rows.
  ArraySource(uint64_t rows, std::vector<Array> arrays);

  DType dtype(size_t column) const noexcept override;
  const std::string& file(size_t column) const noexcept override;
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

  DType dtype(size_t column) const noexcept override;
  const std::string& file(size_t column) const noexcept override;
  const StoredRows* stored(size_t column) const noexcept override;
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
  const std::string& file(size_t column) const noexcept override;
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
