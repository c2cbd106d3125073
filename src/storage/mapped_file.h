#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "storage/file.h"

namespace headrace {

// What becomes of bytes of files.
enum class Advice : uint8_t {
  kWillNeed,  // they are read soon: reading them into memory starts, and is not waited for
  kUsed,      // they were read and are not soon again: a map lets go of their pages, which stay in
              // memory as long as there is room, but cost the kernel less to take away
};

// A whole file, mapped read-only and shared; it needs no descriptor. The bytes may be
// touched only inside guarded(): another process can truncate the file at any time.
class MappedFile {
 public:
  // Maps `file`, or returns nullptr where maps are not to be had: the process holds max_maps() of
  // ours already, the file is empty, or its file system has no mmap. Throws kIo.
  static std::shared_ptr<const MappedFile> open(const File& file);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::byte* data() const noexcept { return data_; }
  uint64_t size() const noexcept { return info_.size; }
  const std::string& path() const noexcept { return path_; }

  // Whether `address` lies in the map.
  bool contains(const void* address) const noexcept;

  // Says what becomes of the pages of `bytes` bytes from `address` on. The kernel reads no page of
  // a map but those that will be needed and those that are touched. Requires: in the map.
  void advise(const std::byte* address, uint64_t bytes, Advice advice) const noexcept;

  // Throws kTruncated when the file has become shorter than its map. A cut inside a page raises no
  // signal: its missing bytes read as zeros, and only this look finds it. A deleted or replaced
  // file stays whole in the map and passes.
  void check_size() const;

  // Leaves the map out of children that are forked from now on, where it would keep the space of a
  // file that is removed. A child must then neither read nor destroy it.
  void hide_from_children() const noexcept;

  // How many maps headrace opens at most: half of what the kernel allows a process.
  static uint64_t max_maps();

 private:
  explicit MappedFile(const File& file);

  std::string path_;
  FileInfo info_;
  const std::byte* data_ = nullptr;
};

}  // namespace headrace
