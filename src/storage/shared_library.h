#pragma once

#include <string>

namespace headrace {

// A shared library that is loaded as long as this lives. Its names are seen by nobody else.
class SharedLibrary {
 public:
  // Loads the library at `path`, which names a file: no search path is looked through. Throws
  // kNotFound; kInvalid with the loader's own text for what is no library, is one of another
  // machine, or needs what is not there, and for a file that replaced one which is still loaded.
  explicit SharedLibrary(std::string path);
  ~SharedLibrary();
  SharedLibrary(const SharedLibrary&) = delete;
  SharedLibrary& operator=(const SharedLibrary&) = delete;

  const std::string& path() const noexcept { return path_; }

  // The address of what it exports as `name`, null where it exports no such thing.
  void* find(const char* name) const noexcept;

 private:
  std::string path_;
  void* handle_;
};

}  // namespace headrace
