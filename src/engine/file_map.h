#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/parallel_map.h"
#include "storage/whole_file.h"

namespace headrace {

// An ordered parallel map over files, which its threads read: work is given the bytes of one whole
// file, and the consumer takes the results in the order of the paths. Made for many small files: a
// file costs little more than its system calls and the work on it.
class FileMap {
 public:
  struct Options {
    uint64_t threads = 1;
    uint64_t places = 2;  // results that there are at a time, as of ParallelMap
  };

  // A file in the hands of a thread.
  struct Input {
    const std::string& path;
    std::span<const std::byte> bytes;  // until the work on it ends
    uint64_t item = 0;                 // its number among the paths
    uint64_t place = 0;                // where its result goes: below places
    uint64_t thread = 0;               // which thread this is: below threads
  };
  using Work = std::function<void(const Input&)>;

  // Requires: threads > 0; places > 0.
  FileMap(std::vector<std::string> paths, const Options& options, Work work);

  // As ParallelMap::next(). Also throws, in its turn, why a file could not be read, as File and
  // WholeFile say it; kInvalid for one that is larger than the memory that is left.
  std::optional<uint64_t> next(const std::function<void()>& poll) { return map_.next(poll); }

  const std::vector<std::string>& paths() const noexcept { return paths_; }

 private:
  std::vector<std::string> paths_;
  Work work_;
  std::vector<WholeFile> files_;  // one for each thread
  ParallelMap map_;               // last: its threads use the others
};

// The bytes of one file, read into `memory`. Throws as FileMap::next().
std::span<const std::byte> read_whole(const std::string& path, WholeFile& memory);

}  // namespace headrace
