#include "storage/cache_directory.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <optional>
#include <span>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "storage/descriptor.h"
#include "storage/directory.h"
#include "storage/durable_file.h"
#include "storage/file.h"

namespace headrace {
namespace {

constexpr mode_t kFileMode = 0666;  // less the process's umask
constexpr mode_t kDirectoryMode = 0777;
constexpr uint64_t kSharesIfUnknown = 8;

// The signature that https://bford.info/cachedir/ defines, by which backups know a cache.
constexpr std::string_view kTag =
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# Shards that headrace has downloaded. It is safe to remove this directory while nothing uses "
    "it.\n";

constexpr std::string_view kPrivatePrefix = "private-";

// "<dataset>.loads.json", and what becomes one: what is known of shards that are made.
constexpr std::string_view kLoads = ".loads.";

// A process that cannot be seen may live in another container: it has not used its directory for
// this long before that is removed. The second is for those of other machines.
constexpr std::chrono::hours kDeadFor{1};
constexpr std::chrono::hours kUnusedFor{30 * 24};

Error no_cache_error(const std::string& path, int error_number) {
  const Error cause = system_error("cannot be written", path, error_number);
  return Error(ErrorCode::kIo,
               std::string(cause.what()) +
                   "; a cache needs a directory that this user may write, on a disk with room: "
                   "choose another one (cache=)",
               {.file = path, .column = ""});
}

void write_tag(const CachePaths& paths) {
  const Descriptor file =
      Descriptor::open(paths.tag(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, kFileMode);
  if (!file) {
    if (errno == EEXIST) {
      return;
    }
    throw no_cache_error(paths.root(), errno);
  }
  if (::write(file.get(), kTag.data(), kTag.size()) != static_cast<ssize_t>(kTag.size())) {
    throw no_cache_error(paths.tag(), errno);
  }
}

void make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), kDirectoryMode) != 0 && errno != EEXIST) {
    throw no_cache_error(path, errno);
  }
}

// Whether the file `path` may be created and locked at all.
void check_writable(const std::string& path) {
  if (!Descriptor::open(path, O_RDWR | O_CREAT | O_NOFOLLOW, kFileMode)) {
    throw no_cache_error(path, errno);
  }
}

// "private-<boot>-<pid>-<uuid>".
struct PrivateName {
  Uuid boot;
  pid_t process;
};

std::string private_name(const Uuid& boot) {
  return std::string(kPrivatePrefix) + uuid_text(boot) + "-" + std::to_string(::getpid()) + "-" +
         uuid_text(make_uuid());
}

std::optional<PrivateName> parse_private_name(std::string_view name) {
  const size_t boot_at = kPrivatePrefix.size();
  const size_t process_at = boot_at + kUuidLength + 1;
  if (!name.starts_with(kPrivatePrefix) || name.size() < process_at + 1 + 1 + kUuidLength) {
    return std::nullopt;
  }
  const size_t uuid_at = name.size() - kUuidLength;
  const auto boot = parse_uuid(name.substr(boot_at, kUuidLength));
  const std::string digits(name.substr(process_at, uuid_at - 1 - process_at));
  const bool number = !digits.empty() && digits.size() < 10 &&
                      digits.find_first_not_of("0123456789") == std::string::npos;
  if (!boot || !number || !is_uuid(name.substr(uuid_at)) || name[process_at - 1] != '-' ||
      name[uuid_at - 1] != '-') {
    return std::nullopt;
  }
  return PrivateName{*boot, static_cast<pid_t>(std::atol(digits.c_str()))};
}

bool is_ours(const CachePaths& paths, const std::string& path, const std::string& name) {
  const bool loads = name.size() > kUuidLength && is_uuid(name.substr(0, kUuidLength)) &&
                     name.substr(kUuidLength).starts_with(kLoads);
  return path == paths.tag() || path == paths.ledger() || path == paths.pins() || loads ||
         parse_private_name(name).has_value();
}

void list_boot(const CachePaths& paths, const Uuid& boot, CacheListing& listing) {
  const std::string directory = paths.boot(boot);
  for (const DirectoryEntry& entry : list_directory(directory)) {
    const auto name = parse_cache_file_name(entry.name);
    if (name && entry.regular) {
      listing.files.push_back({*name, boot, entry.bytes, entry.modified_ns});
    } else {
      listing.foreign.push_back(directory + "/" + entry.name);
    }
  }
  listing.boots.push_back(boot);
}

}  // namespace

void remove_counted(const std::string& path, uint64_t& used) {
  const auto found = look_up(path);
  if (found && remove_file(path)) {
    used -= std::min(used, charged_bytes(found->bytes));
  }
}

void check_cache_directory(const CachePaths& paths) {
  if (!look_up(paths.root())) {
    throw system_error("cannot be opened", paths.root(), ENOENT);
  }
  std::string found(kTag.size(), '\0');
  const bool tagged =
      look_up(paths.tag()) &&
      read_file_head(paths.tag(), std::as_writable_bytes(std::span(found))) == kTag.size();
  if (!tagged || found != kTag) {
    throw Error(ErrorCode::kInvalid,
                paths.root() +
                    " is no cache: it has no CACHEDIR.TAG of headrace; give the directory that "
                    "datasets were opened with (cache=)",
                {.file = paths.root(), .column = ""});
  }
}

std::vector<CachePaths> list_private_directories(const CachePaths& paths) {
  std::vector<CachePaths> directories;
  for (const DirectoryEntry& entry : list_directory(paths.root())) {
    if (parse_private_name(entry.name)) {
      directories.emplace_back(paths.root() + "/" + entry.name);
    }
  }
  return directories;
}

void remove_dead_private_directories(const CachePaths& paths, const Uuid& boot) {
  const int64_t now_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(
                             std::chrono::system_clock::now().time_since_epoch())
                             .count();
  for (const DirectoryEntry& entry : list_directory(paths.root())) {
    const auto name = parse_private_name(entry.name);
    if (!name) {
      continue;
    }
    const std::string path = paths.root() + "/" + entry.name;
    const auto ledger = look_up(CachePaths(path).ledger());
    const std::chrono::nanoseconds unused(now_ns -
                                          (ledger ? ledger->modified_ns : entry.modified_ns));
    const bool dead =
        name->boot == boot && ::kill(name->process, 0) != 0 && errno == ESRCH && unused > kDeadFor;
    if (dead || unused > kUnusedFor) {
      remove_private_directory(CachePaths(path));
    }
  }
}

CacheListing list_cache(const CachePaths& paths) {
  CacheListing listing;
  for (const DirectoryEntry& entry : list_directory(paths.root())) {
    const auto boot = parse_uuid(entry.name);
    const std::string path = paths.root() + "/" + entry.name;
    if (!boot || entry.regular) {
      if (!is_ours(paths, path, entry.name)) {
        listing.foreign.push_back(path);
      }
      continue;
    }
    try {
      list_boot(paths, *boot, listing);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNotFound) {  // that of an old boot, which was emptied
        throw;
      }
    }
  }
  return listing;
}

void remove_private_directory(const CachePaths& paths) {
  const CacheListing listing = list_cache(paths);
  for (const CacheFile& file : listing.files) {
    remove_file(paths.file(file.boot, file.name));
  }
  for (const Uuid& boot : listing.boots) {
    ::rmdir(paths.boot(boot).c_str());
  }
  for (const std::string& file : {paths.ledger(), paths.pins()}) {
    remove_file(file);
  }
  ::rmdir(paths.root().c_str());
}

CacheDirectory open_cache_directory(const std::string& directory, uint64_t limit_bytes,
                                    uint64_t processes, const LockTest& test) {
  create_directories_durably(directory);
  CacheDirectory opened{.paths = CachePaths(directory), .boot = boot_id()};
  opened.limit_bytes = limit_bytes;
  write_tag(opened.paths);
  check_writable(opened.paths.pins());
  const bool remote = File(opened.paths.tag()).file_system() == FileSystemKind::kRemote;
  if (remote || !test(opened.paths.pins())) {
    remove_dead_private_directories(opened.paths, opened.boot);
    opened.is_private = true;
    opened.limit_bytes = limit_bytes / (processes > 0 ? processes : kSharesIfUnknown);
    opened.paths = CachePaths(directory + "/" + private_name(opened.boot));
    make_directory(opened.paths.root());
  }
  make_directory(opened.paths.boot(opened.boot));
  return opened;
}

}  // namespace headrace
