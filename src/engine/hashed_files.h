#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/hashed_text.h"
#include "engine/text_file_reader.h"
#include "transform/text_hasher.h"

namespace headrace {

// The rows of text files, a part of them at a time. Memory is bounded, however large the files are,
// by what a part has: some megabytes of text, and fewer the more n-grams the hasher makes of each.
class HashedFiles {
 public:
  // Requires: threads > 0.
  HashedFiles(std::shared_ptr<const TextHasher> hasher, std::vector<std::string> paths,
              TextSplit split, uint64_t threads);

  // The rows of the next documents; nothing behind the last. Throws as TextFileReader, and as
  // HashedText::add() for documents that are not UTF-8, with the file and the byte.
  std::optional<HashedMatrix> next(const std::function<void()>& poll);

 private:
  // Documents that follow each other and have part_bytes_, or one that has more.
  std::span<const std::string_view> next_part();

  uint64_t part_bytes_;
  TextFileReader reader_;
  HashedText hashed_;
  std::span<const std::string_view> block_;  // that the reader gave last
  size_t done_ = 0;                          // documents of the block
};

}  // namespace headrace
