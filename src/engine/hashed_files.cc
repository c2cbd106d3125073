#include "engine/hashed_files.h"

#include <utility>

namespace headrace {

HashedFiles::HashedFiles(std::shared_ptr<const TextHasher> hasher, std::vector<std::string> paths,
                         TextSplit split, uint64_t threads)
    : part_bytes_(TextFileReader::kBlockBytes / hasher->spread()),
      reader_(std::move(paths), split),
      hashed_(std::move(hasher), threads) {}

std::optional<HashedMatrix> HashedFiles::next(const std::function<void()>& poll) {
  if (done_ == block_.size()) {
    block_ = reader_.next();
    done_ = 0;
  }
  if (block_.empty()) {
    return std::nullopt;
  }
  const size_t before = done_;
  const std::span<const std::string_view> part = next_part();
  hashed_.expect(part.size());
  hashed_.add(
      part,
      [&](uint64_t number, const Utf8Fault& fault) {
        return reader_.invalid(before + number, fault);
      },
      poll);
  return hashed_.take();
}

std::span<const std::string_view> HashedFiles::next_part() {
  const size_t first = done_;
  uint64_t bytes = 0;
  do {
    bytes += block_[done_++].size();
  } while (done_ < block_.size() && bytes + block_[done_].size() <= part_bytes_);
  return block_.subspan(first, done_ - first);
}

}  // namespace headrace
