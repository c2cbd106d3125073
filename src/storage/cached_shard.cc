#include "storage/cached_shard.h"

#include <unistd.h>
#include <utility>

namespace headrace {

CachedShard::CachedShard(const std::string& path, std::shared_ptr<const KeyPin> pin)
    : pin_(std::move(pin)), path_(path), process_(::getpid()) {
  const File file(path, std::nullopt, Links::kRefuse);
  info_ = file.info();
  map_ = std::make_unique<std::shared_ptr<const MappedFile>>(MappedFile::open(file));
  if (*map_ != nullptr) {
    (*map_)->hide_from_children();
  }
}

CachedShard::~CachedShard() {
  if (process_ != ::getpid()) {
    // The addresses are the child's own by now: unmapping them would take something else away.
    static_cast<void>(map_.release());
  }
}

std::shared_ptr<const MappedFile> CachedShard::map() const noexcept {
  return process_ == ::getpid() ? *map_ : nullptr;
}

}  // namespace headrace
