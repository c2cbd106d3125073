#include "dataset/file_hashes.h"

#include <algorithm>
#include <span>

namespace headrace {
namespace {

// Fits the cache, where both hashes find what was read.
constexpr uint64_t kBlockBytes = uint64_t{256} << 10;

}  // namespace

FileHashes::FileHashes(const File& file, Whole whole, const Poll& poll)
    : file_(file),
      whole_(whole),
      poll_(poll),
      block_(std::clamp<uint64_t>(file.info().size, 1, kBlockBytes)) {}

uint64_t FileHashes::part(const Place& place, std::byte* keep) {
  if (whole_ == Whole::kYes && place.offset > at_) {
    read({at_, place.offset - at_}, nullptr, nullptr);
  }
  Hasher hasher;
  read(place, &hasher, keep);
  return hasher.digest();
}

uint64_t FileHashes::whole() {
  read({at_, file_.info().size - at_}, nullptr, nullptr);
  return hash_.digest();
}

void FileHashes::read(const Place& place, Hasher* part, std::byte* keep) {
  for (uint64_t done = 0; done < place.bytes;) {
    poll_();
    const uint64_t count = std::min<uint64_t>(block_.size(), place.bytes - done);
    const std::span bytes(keep != nullptr ? keep + done : block_.data(), count);
    file_.read(place.offset + done, bytes);
    if (part != nullptr) {
      part->update(bytes);
    }
    if (whole_ == Whole::kYes && place.offset + done == at_) {
      hash_.update(bytes);
      at_ += count;
    }
    done += count;
  }
}

}  // namespace headrace
