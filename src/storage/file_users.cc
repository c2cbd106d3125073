#include "storage/file_users.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "storage/directory.h"
#include "storage/file.h"

namespace headrace {
namespace {

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

// The entries of a directory of /proc; none where it may not be seen, or its process has ended.
std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  try {
    for (DirectoryEntry& entry : list_directory(directory)) {
      if (is_number(entry.name)) {
        names.push_back(std::move(entry.name));
      }
    }
  } catch (const Error&) {
    names.clear();
  }
  return names;
}

// "lock:	1: OFDLCK ADVISORY  READ -1 fe:00:4243632 4100 4100"; the end may be "EOF".
std::optional<LockedBytes> parse_lock(const std::string& line) {
  std::istringstream words(line);
  std::string name, number, kind, mode, type, owner, file, last;
  LockedBytes locked;
  words >> name >> number >> kind >> mode >> type >> owner >> file >> locked.first >> last;
  if (!words || name != "lock:" || kind != "OFDLCK") {
    return std::nullopt;
  }
  locked.last = is_number(last) ? std::stoull(last) : UINT64_MAX;
  return locked;
}

void add_locks(const std::string& info, std::vector<LockedBytes>& locked) {
  std::ifstream lines(info);
  for (std::string line; std::getline(lines, line);) {
    if (const auto found = parse_lock(line)) {
      locked.push_back(*found);
    }
  }
}

// Whether the opening at `link` is of that file. Asks the kernel's name of it first: to look at a
// file itself may wait for another machine.
bool is_opening_of(const std::string& link, const std::string& name, const FileInfo& file) {
  std::string target(4096, '\0');
  const ssize_t length = ::readlink(link.c_str(), target.data(), target.size());
  if (length < 0 || !target.substr(0, static_cast<size_t>(length)).ends_with(name)) {
    return false;
  }
  struct stat status = {};
  return ::stat(link.c_str(), &status) == 0 && status.st_dev == file.device &&
         status.st_ino == file.inode;
}

std::string program_of(const std::string& process) {
  std::ifstream file(process + "/comm");
  std::string program;
  std::getline(file, program);
  return program;
}

}  // namespace

bool FileUser::has_locked(uint64_t at) const noexcept {
  return std::ranges::any_of(
      locked, [at](const LockedBytes& run) { return run.first <= at && at <= run.last; });
}

std::vector<FileUser> users_of_locks(const std::string& path) {
  const FileInfo file = inspect_file(path);
  const std::string name = path.substr(path.rfind('/') + 1);
  std::vector<FileUser> users;
  for (const std::string& number : names_in("/proc")) {
    const std::string process = "/proc/" + number;
    FileUser user{.process = static_cast<pid_t>(std::stol(number))};
    const std::string openings = process + "/fd/";
    const std::string told = process + "/fdinfo/";
    for (const std::string& opening : names_in(openings)) {
      if (is_opening_of(openings + opening, name, file)) {
        add_locks(told + opening, user.locked);
      }
    }
    if (!user.locked.empty()) {
      user.program = program_of(process);
      users.push_back(std::move(user));
    }
  }
  std::ranges::sort(users, {}, &FileUser::process);
  return users;
}

}  // namespace headrace
