#include "storage/shared_library.h"

#include <dlfcn.h>
#include <utility>

#include "base/error.h"
#include "storage/file.h"

namespace headrace {

SharedLibrary::SharedLibrary(std::string path) : path_(std::move(path)) {
  inspect_file(path_);
  // A name without a slash would be searched for in the directories of the system.
  const std::string name = path_.find('/') == std::string::npos ? "./" + path_ : path_;
  handle_ = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle_ == nullptr) {
    const char* why = ::dlerror();
    throw Error(ErrorCode::kInvalid,
                path_ + " cannot be loaded as a shared library: " +
                    (why == nullptr ? "no reason given" : why),
                {.file = path_, .column = ""});
  }
}

SharedLibrary::~SharedLibrary() { ::dlclose(handle_); }

void* SharedLibrary::find(const char* name) const noexcept { return ::dlsym(handle_, name); }

}  // namespace headrace
