#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/file.h"

namespace headrace {

// Files that one thread keeps open from read to read: a limited number of them, of which the one
// that was not used for longest is closed first. Not shared between threads.
class OpenFiles {
 public:
  // How many: a sixty-fourth of what the process may open, between 4 and 64, since each thread of a
  // pass keeps files of its own.
  static size_t max_open();

  // The file at `path`, opened now if it is not open. Throws as File. Where no more
  // can be opened, closes the others first. The result holds until the next call. `path` itself,
  // not its text, is what a file is known by: it must outlive this object, and always stand for the
  // same file.
  const File& get(const std::string& path, const std::optional<FileInfo>& expected);

 private:
  struct Entry {
    const std::string* path;
    uint64_t last_use;
    std::unique_ptr<const File> file;
  };

  std::vector<Entry> entries_;
  uint64_t uses_ = 0;
};

}  // namespace headrace
