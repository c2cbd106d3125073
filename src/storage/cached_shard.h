#pragma once

#include <memory>
#include <string>
#include <sys/types.h>

#include "storage/file.h"
#include "storage/key_locks.h"
#include "storage/mapped_file.h"

namespace headrace {

// A shard in the cache that stays there while this lives. Children of fork() do not see its map: a
// child finds its own.
class CachedShard {
 public:
  // Opens and maps `path`. Throws as File and MappedFile::open.
  CachedShard(const std::string& path, std::shared_ptr<const KeyPin> pin);
  ~CachedShard();
  CachedShard(const CachedShard&) = delete;
  CachedShard& operator=(const CachedShard&) = delete;

  const CacheKey& key() const noexcept { return pin_->key(); }
  const std::string& path() const noexcept { return path_; }
  const FileInfo& info() const noexcept { return info_; }

  // Null where maps are not to be had; then it is read by its path. Of a child of fork(): null.
  std::shared_ptr<const MappedFile> map() const noexcept;

 private:
  std::shared_ptr<const KeyPin> pin_;  // given back after the map
  std::string path_;
  FileInfo info_;
  std::unique_ptr<std::shared_ptr<const MappedFile>> map_;  // so that it can be left, not dropped
  pid_t process_;
};

}  // namespace headrace
