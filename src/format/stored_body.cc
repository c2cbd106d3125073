#include "format/stored_body.h"

#include <cstring>

namespace headrace {

std::vector<Place*> stored_parts(ColumnPlace& place) {
  std::vector<Place*> parts;
  for (Place* part : {&place.offsets, &place.indices, &place.values}) {
    if (part->bytes > 0) {
      parts.push_back(part);
    }
  }
  return parts;
}

void BodyCompressor::append(std::span<const std::byte> buffer) {
  const size_t start = body_.size();
  auto length = static_cast<int64_t>(buffer.size());
  body_.resize(start + kStoredPrefix);
  compressor_.append(buffer, body_);
  if (body_.size() - start - kStoredPrefix >= buffer.size()) {
    length = kStoredRaw;
    body_.resize(start + kStoredPrefix);
    body_.insert(body_.end(), buffer.begin(), buffer.end());
  }
  std::memcpy(body_.data() + start, &length, sizeof(length));
}

void BodyCompressor::compress(std::span<const std::span<const std::byte>> buffers,
                              BatchLayout& batch) {
  body_.clear();
  auto buffer = buffers.begin();
  for (ColumnPlace& column : batch.columns) {
    for (Place* part : stored_parts(column)) {
      part->offset = body_.size();
      append(*buffer++);
      part->bytes = body_.size() - part->offset;
      body_.resize(aligned_body_size(body_.size()), std::byte{0});
    }
  }
  batch.body.bytes = body_.size();
}

}  // namespace headrace
