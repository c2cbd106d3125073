#include "storage/directory.h"

#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "storage/interrupts.h"

namespace headrace {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

DirectoryEntry entry_of(std::string name, const struct stat& status) {
  return {.name = std::move(name),
          .regular = S_ISREG(status.st_mode),
          .bytes = static_cast<uint64_t>(status.st_size),
          .modified_ns =
              status.st_mtim.tv_sec * int64_t{1'000'000'000} + int64_t{status.st_mtim.tv_nsec}};
}

// The entry `name` of the directory that is open as `fd`, or nothing where it is gone.
std::optional<DirectoryEntry> look_up_at(int fd, const std::string& name, const std::string& path) {
  struct stat status = {};
  if (retry_interrupted(
          [&] { return ::fstatat(fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW); }) == 0) {
    return entry_of(name, status);
  }
  if (errno == ENOENT) {
    return std::nullopt;
  }
  throw system_error("cannot be inspected", path, errno);
}

}  // namespace

std::optional<DirectoryEntry> look_up(const std::string& path) {
  return look_up_at(AT_FDCWD, path, path);
}

std::vector<DirectoryEntry> list_directory(const std::string& directory) {
  const std::unique_ptr<DIR, CloseDirectory> open(::opendir(directory.c_str()));
  if (open == nullptr) {
    throw system_error("cannot be listed", directory, errno);
  }
  std::vector<DirectoryEntry> entries;
  while (true) {
    errno = 0;
    const dirent* found = ::readdir(open.get());
    if (found == nullptr) {
      if (errno != 0) {
        throw system_error("cannot be listed", directory, errno);
      }
      return entries;
    }
    const std::string_view name = found->d_name;
    if (name != "." && name != "..") {
      if (auto entry = look_up_at(::dirfd(open.get()), std::string(name),
                                  directory + "/" + std::string(name))) {
        entries.push_back(*std::move(entry));
      }
    }
  }
}

bool remove_file(const std::string& path) {
  if (retry_interrupted([&] { return ::unlink(path.c_str()); }) == 0) {
    return true;
  }
  if (errno == ENOENT) {
    return false;
  }
  throw system_error("cannot be removed", path, errno);
}

}  // namespace headrace
