#include "storage/shared_library.h"

#include <dlfcn.h>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "base/error.h"
#include "storage/file.h"

namespace headrace {
namespace {

// The files that this process has loaded, by the name that the loader knows them by.
std::mutex loaded_mutex;
std::map<std::string, FileInfo>& loaded() {
  static auto& files = *new std::map<std::string, FileInfo>();
  return files;
}

// When it was modified says nothing: a cache of libraries notes there when one was used.
bool is_same_file(const FileInfo& a, const FileInfo& b) noexcept {
  return a.device == b.device && a.inode == b.inode && a.size == b.size;
}

// The loader knows libraries by name: where one is still loaded (as g++'s are that have inline
// variables, to the end of the process), it would give the old code for a new file.
void check_same_file(const std::string& name, const FileInfo& info) {
  void* const present = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
  const std::lock_guard lock(loaded_mutex);
  if (present == nullptr) {
    loaded().erase(name);
    return;
  }
  ::dlclose(present);
  const auto found = loaded().find(name);
  if (found != loaded().end() && !is_same_file(found->second, info)) {
    throw Error(ErrorCode::kInvalid,
                name +
                    " was replaced since this process loaded it, and the old code cannot be let "
                    "go; build to a new name, or start a new process",
                {.file = name, .column = ""});
  }
}

}  // namespace

SharedLibrary::SharedLibrary(std::string path) : path_(std::move(path)) {
  const FileInfo info = inspect_file(path_);
  // A name without a slash would be searched for in the directories of the system.
  const std::string name = path_.find('/') == std::string::npos ? "./" + path_ : path_;
  check_same_file(name, info);
  handle_ = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle_ == nullptr) {
    const char* why = ::dlerror();
    throw Error(ErrorCode::kInvalid,
                path_ + " cannot be loaded as a shared library: " +
                    (why == nullptr ? "no reason given" : why),
                {.file = path_, .column = ""});
  }
  const std::lock_guard lock(loaded_mutex);
  loaded().insert_or_assign(name, info);
}

SharedLibrary::~SharedLibrary() { ::dlclose(handle_); }

void* SharedLibrary::find(const char* name) const noexcept { return ::dlsym(handle_, name); }

}  // namespace headrace
