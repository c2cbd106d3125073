#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include "base/error.h"
#include "format/shard_layout.h"
#include "testing/temp_dir.h"
#include "testing/touched_rows.h"

// Files that are damaged on purpose, and what a reader says about them.
namespace headrace {

// A file and its bytes in memory, which a test changes together.
class DamagedFile {
 public:
  explicit DamagedFile(std::vector<std::byte> bytes)
      : bytes_(std::move(bytes)),
        path_(dir_.write("a.arrow", bytes_)),
        descriptor_(::open(path_.c_str(), O_RDWR | O_CLOEXEC)) {}
  ~DamagedFile() { ::close(descriptor_); }
  DamagedFile(const DamagedFile&) = delete;
  DamagedFile& operator=(const DamagedFile&) = delete;

  std::span<const std::byte> bytes() const noexcept { return bytes_; }
  const std::string& path() const noexcept { return path_; }

  void write(uint64_t offset, std::span<const std::byte> bytes) {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<int64_t>(offset));
    const ssize_t n = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n != static_cast<ssize_t>(bytes.size())) {
      throw std::runtime_error("cannot write " + path_);
    }
  }

  void flip(uint64_t bit) {
    const std::byte flipped = bytes_[bit / 8] ^ std::byte{1} << (bit % 8);
    write(bit / 8, std::span(&flipped, 1));
  }

  void truncate(uint64_t size) {
    bytes_.resize(size);
    if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0) {
      throw std::runtime_error("cannot truncate " + path_);
    }
  }

  ShardLayout layout() const { return read_shard_layout(File(path_)); }

 private:
  TempDir dir_;
  std::vector<std::byte> bytes_;
  std::string path_;
  int descriptor_;
};

// What a file shows: its columns, and every row.
struct Shown {
  std::vector<ColumnLayout> columns;
  Metadata metadata;
  std::vector<std::vector<std::byte>> rows;

  bool operator==(const Shown&) const = default;
};

// What a reader that checks hashes sees; nothing where it throws an Error. Before it looks at the
// hashes, it goes through the rows as a reader does that does not check them.
inline std::optional<Shown> shown_by(const DamagedFile& file) {
  try {
    const ShardLayout layout = file.layout();
    std::optional<Error> unchecked;
    std::vector<std::vector<std::byte>> rows;
    try {
      rows = touch_rows(layout, file.bytes());
    } catch (const Error& error) {
      unchecked = error;
    }
    for (size_t i = 0; i < layout.batches.size(); ++i) {
      const Place& body = layout.batches[i].body;
      if (!body_is_intact(layout.batches[i], file.bytes().subspan(body.offset, body.bytes))) {
        throw damaged_body_error("a.arrow", layout, i);
      }
    }
    if (unchecked) {
      throw Error(*unchecked);
    }
    return Shown{layout.columns, layout.metadata, std::move(rows)};
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace headrace
