#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace headrace {

// A name in a directory. Links are not followed: one is not a regular file.
struct DirectoryEntry {
  std::string name = {};
  bool regular = false;
  uint64_t bytes = 0;
  int64_t modified_ns = 0;  // since 1970, by the file system's clock
};

// Looks at `path`; nothing where it does not exist. Throws kIo.
std::optional<DirectoryEntry> look_up(const std::string& path);

// The entries of `directory` in no order, without "." and "..". What vanishes meanwhile may be
// missing. Throws kNotFound, kIo.
std::vector<DirectoryEntry> list_directory(const std::string& directory);

// Removes the file `path`; false where it did not exist. Throws kIo.
bool remove_file(const std::string& path);

}  // namespace headrace
