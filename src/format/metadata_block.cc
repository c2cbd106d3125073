#include "format/metadata_block.h"

namespace headrace {

void MetadataBlock::read(const File& file, const Place& place) {
  if (place.bytes > capacity_) {
    data_.reset(allocate_aligned(place.bytes));
    capacity_ = place.bytes;
  }
  size_ = place.bytes;
  file.read(place.offset, bytes());
}

}  // namespace headrace
