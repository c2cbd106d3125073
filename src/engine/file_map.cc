#include "engine/file_map.h"

#include <utility>

#include "dataset/memory_limit.h"
#include "storage/file.h"

namespace headrace {

FileMap::FileMap(std::vector<std::string> paths, const Options& options, Work work)
    : paths_(std::move(paths)),
      work_(std::move(work)),
      files_(options.threads),
      map_({.items = paths_.size(), .threads = options.threads, .places = options.places},
           [this](uint64_t item, uint64_t place, uint64_t thread) {
             const std::string& path = paths_[item];
             work_({.path = path,
                    .bytes = read_whole(path, files_[thread]),
                    .item = item,
                    .place = place,
                    .thread = thread});
           }) {}

std::span<const std::byte> read_whole(const std::string& path, WholeFile& memory) {
  const File file(path);
  if (file.info().size >= kSmallRequest) {
    check_memory(file.info().size, "file " + path);
  }
  return memory.read(file);
}

}  // namespace headrace
