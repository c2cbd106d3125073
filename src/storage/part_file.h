#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "storage/descriptor.h"

namespace headrace {

// A file of a known size that is being filled: its blocks are taken from the disk before the first
// byte comes. Bytes of different places may be written by different threads.
class PartFile {
 public:
  // Creates `path`, which must not exist, of `bytes` bytes that are zero and not taken yet. Throws
  // kIo.
  PartFile(std::string path, uint64_t bytes);

  const std::string& path() const noexcept { return path_; }
  uint64_t bytes() const noexcept { return bytes_; }

  // Takes the blocks, where the file system can. Throws kIo; for a full disk with what to do.
  void allocate() const;

  // Writes bytes [offset, offset + data.size()). Throws kInvalid beyond the file's size; kIo.
  void write(uint64_t offset, std::span<const std::byte> data) const;

  // Cuts the file, and gives the space behind back. Throws kIo. Requires: bytes <= bytes(), and
  // nobody writes.
  void shorten(uint64_t bytes);

  // Gives the descriptor back; nothing can be written afterwards.
  void close() noexcept { file_.close(); }

 private:
  bool resize(uint64_t bytes) const;
  [[noreturn]] void fail(const std::string& what, int error_number) const;

  std::string path_;
  uint64_t bytes_;
  Descriptor file_;
};

}  // namespace headrace
