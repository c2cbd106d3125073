#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/buffer.h"

namespace headrace {

// What identifies a file between two looks at its path.
struct FileInfo {
  uint64_t size = 0;
  uint64_t device = 0;
  uint64_t inode = 0;
};

// Looks at `path` without opening it.
// Throws kNotFound; kInvalid for anything but a regular file; kIo.
FileInfo inspect_file(const std::string& path);

// A whole file, mapped read-only and shared; the descriptor is closed at once. The bytes may be
// touched only inside guarded(): another process can truncate the file at any time.
class MappedFile {
 public:
  // Maps `path`, or returns nullptr where maps are not to be had: the process holds max_maps() of
  // ours already, or the file system has no mmap. The caller then uses read_file.
  // Throws as inspect_file; kTruncated when the file has fewer than `expected_size` bytes; kCorrupt
  // when it is another file than `expected`, if that is given.
  static std::shared_ptr<const MappedFile> open(
      const std::string& path, uint64_t expected_size,
      const std::optional<FileInfo>& expected = std::nullopt);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::byte* data() const noexcept { return data_; }
  uint64_t size() const noexcept { return size_; }
  const std::string& path() const noexcept { return path_; }

  // Whether `address` lies in the map.
  bool contains(const void* address) const noexcept;

  // Throws kTruncated when the file has become shorter than its map. A cut inside a page raises no
  // signal: its missing bytes read as zeros, and only this look finds it. A deleted or replaced
  // file stays whole in the map and passes.
  void check_size() const;

  // How many maps headrace opens at most: half of what the kernel allows a process.
  static uint64_t max_maps();

 private:
  MappedFile(std::string path, const FileInfo& info);

  std::string path_;
  const std::byte* data_ = nullptr;
  uint64_t size_;
  uint64_t device_;
  uint64_t inode_;
};

// Reads exactly out.size() bytes at `offset` with pread. Throws kNotFound, kIo, kTruncated, and
// kCorrupt when the file is another than `expected`, if that is given.
void read_file(const std::string& path, uint64_t offset, std::span<std::byte> out,
               const std::optional<FileInfo>& expected = std::nullopt);

// Reads up to out.size() bytes from the start of the file; returns how many there were. Throws
// kNotFound, kIo.
uint64_t read_file_head(const std::string& path, std::span<std::byte> out);

}  // namespace headrace
