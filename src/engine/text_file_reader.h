#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/buffer.h"
#include "base/error.h"
#include "base/utf8.h"
#include "storage/file.h"
#include "transform/text_split.h"

namespace headrace {

// Text files one after another, in blocks of documents: as much text in memory as a block has,
// however large the files are.
class TextFileReader {
 public:
  // How much text a block has; more only where one document is longer.
  static constexpr uint64_t kBlockBytes = uint64_t{8} << 20;
  // How many documents a block has at most: empty lines take memory, too.
  static constexpr size_t kBlockDocuments = size_t{1} << 18;
  // What a document of a file may have at most.
  static constexpr uint64_t kLongest = uint64_t{16} << 20;

  TextFileReader(std::vector<std::string> paths, TextSplit split)
      : paths_(std::move(paths)), split_(split) {}

  // The documents of the next block, in order; none behind the last file. They hold until the next
  // call. Throws as File, and kUnsupported for a document of more than kLongest bytes.
  std::span<const std::string_view> next();

  // The Error for a document of the last block that is not UTF-8.
  Error invalid(uint64_t document, const Utf8Fault& fault) const;

 private:
  // Documents from `first` on are of `file`, whose byte `offset` is at `at` in the buffer.
  struct Stretch {
    size_t first;
    size_t file;
    uint64_t offset;
    size_t at;
  };

  bool open_next();
  void allocate(uint64_t bytes);
  void keep_unsplit();
  void split_more();
  void make_room();

  std::vector<std::string> paths_;
  TextSplit split_;
  size_t opened_ = 0;  // of paths_
  std::unique_ptr<const File> file_;
  uint64_t read_ = 0;    // bytes of file_
  bool at_end_ = false;  // whether these are all
  AlignedBytes buffer_;
  size_t size_ = 0;   // of buffer_
  size_t begin_ = 0;  // of what is not split yet
  size_t end_ = 0;
  std::vector<std::string_view> documents_;
  std::vector<Stretch> stretches_;
};

}  // namespace headrace
