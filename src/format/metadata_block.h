#pragma once

#include <arrow_generated.h>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/buffer.h"
#include "format/batch_layout.h"
#include "storage/file.h"

namespace headrace {

// The most bytes that a footer or the metadata of a message may have here.
inline constexpr uint64_t kMaxMetadata = uint64_t{64} << 20;

// Element `i` of a vector of structs in a verified flatbuffer, whose alignment no verifier checks.
// Requires: i < vector.size().
template <typename Struct>
Struct struct_at(const flatbuffers::Vector<const Struct*>& vector, uint32_t i) noexcept {
  Struct copy;
  std::memcpy(&copy, vector.Data() + i * sizeof(Struct), sizeof(Struct));
  return copy;
}

// A copy of metadata of a file, in memory of its own that is used again for the next: a mapped file
// could change between a check and its use. Flatbuffers in it count as unchecked until root().
class MetadataBlock {
 public:
  // Reads `place`. Requires: place.bytes <= kMaxMetadata, and the place is inside the file. Throws
  // kIo, kTruncated.
  void read(const File& file, const Place& place);

  // What was read last; to be changed only by its owner.
  std::span<std::byte> bytes() noexcept { return {data_.get(), size_}; }
  std::span<const std::byte> bytes() const noexcept { return {data_.get(), size_}; }

  // The flatbuffer of type `Root` at [offset, offset + size) of the bytes; null when its verifier
  // refuses it. Requires: the range is inside, and `offset` a multiple of 8.
  template <typename Root>
  const Root* root(uint64_t offset, uint64_t size) const {
    const auto* start = reinterpret_cast<const uint8_t*>(data_.get()) + offset;
    flatbuffers::Verifier verifier(start, size, kMaxDepth, kMaxTables);
    return verifier.VerifyBuffer<Root>(nullptr) ? flatbuffers::GetRoot<Root>(start) : nullptr;
  }

 private:
  static constexpr uint32_t kMaxDepth = 64;
  static constexpr uint32_t kMaxTables = 1'000'000;

  AlignedBytes data_;
  uint64_t size_ = 0;
  uint64_t capacity_ = 0;
};

}  // namespace headrace
