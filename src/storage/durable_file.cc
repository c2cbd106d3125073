#include "storage/durable_file.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "base/error.h"
#include "base/uuid.h"
#include "storage/interrupts.h"

namespace headrace {
namespace {

// The kernel gets the bytes in stretches that end at multiples of this. What one aligned write
// covers lies in the page cache in one piece, and a map of it needs fewer TLB entries: random rows
// of 256 bytes were read 1.2 times as fast as from a file written in steps of 256 KiB, 1.4 times
// as fast as from one of 4 KiB. A huge page is the largest such piece.
constexpr size_t kStretchBytes = size_t{2} << 20;

// So many bytes at a time start their way to the disk while the next ones are written, so that
// fsync does not find them all undone.
constexpr uint64_t kWriteBackBytes = uint64_t{16} << 20;

constexpr std::string_view kTemporaryPrefix = ".tmp-";

constexpr mode_t kFileMode = 0666;       // less the process's umask
constexpr mode_t kDirectoryMode = 0777;  // as well

int open_directory(const std::string& directory) {
  const int fd = retry_interrupted(
      [&] { return ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (fd < 0) {
    throw system_error("cannot be opened to write in", directory, errno);
  }
  return fd;
}

void sync_open_directory(const std::string& directory, int fd) {
  // EINVAL: a file system that has no such thing for directories.
  if (retry_interrupted([&] { return ::fsync(fd); }) != 0 && errno != EINVAL) {
    throw system_error("cannot be synchronised with the disk", directory, errno);
  }
}

void check_directory(const std::filesystem::path& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0 && errno != ENOENT) {  // ENOENT: a link to nowhere
    throw system_error("cannot be inspected", path.string(), errno);
  }
  if (!S_ISDIR(status.st_mode)) {
    throw Error(ErrorCode::kInvalid, path.string() + " is not a directory; choose another place",
                {.file = path.string(), .column = ""});
  }
}

// Synchronises `parent`; where nothing was made in it, one that may not be opened is left alone.
void sync_parent(const std::string& parent, bool must) {
  try {
    sync_directory(parent);
  } catch (const Error&) {
    if (must) {
      throw;
    }
  }
}

// How /proc spells an open file, which is how a file without a name is linked.
std::string descriptor_path(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

uint64_t link_count(int fd) noexcept {
  struct stat status = {};
  return ::fstat(fd, &status) == 0 ? static_cast<uint64_t>(status.st_nlink) : 0;
}

}  // namespace

DurableFile DurableFile::create(const std::string& directory, Unfinished kind) {
  DurableFile file(directory, open_directory(directory));
  file.open(kind);
  return file;
}

DurableFile::DurableFile(DurableFile&& other) noexcept
    : directory_(std::move(other.directory_)),
      directory_fd_(std::exchange(other.directory_fd_, -1)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      temporary_name_(std::exchange(other.temporary_name_, {})),
      buffer_(std::move(other.buffer_)),
      size_(other.size_),
      handed_over_(other.handed_over_),
      written_back_(other.written_back_),
      synced_(other.synced_),
      failed_(other.failed_),
      published_(other.published_) {}

DurableFile::~DurableFile() {
  if (!temporary_name_.empty()) {
    ::unlinkat(directory_fd_, temporary_name_.c_str(), 0);
  }
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
  if (directory_fd_ >= 0) {
    ::close(directory_fd_);
  }
}

void DurableFile::open(Unfinished kind) {
  if (kind == Unfinished::kAuto) {
    descriptor_ = retry_interrupted(
        [&] { return ::openat(directory_fd_, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, kFileMode); });
    // Without /proc such a file could be written, but never named.
    if (descriptor_ >= 0 && ::access(descriptor_path(descriptor_).c_str(), F_OK) == 0) {
      return;
    }
    if (descriptor_ < 0 && errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT &&
        errno != EINVAL) {
      fail("cannot be written in", errno);
    }
    if (descriptor_ >= 0) {
      ::close(std::exchange(descriptor_, -1));
    }
  }
  const std::string name = std::string(kTemporaryPrefix) + uuid_text(make_uuid());
  descriptor_ = retry_interrupted([&] {
    return ::openat(directory_fd_, name.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW,
                    kFileMode);
  });
  if (descriptor_ < 0) {
    fail("cannot be written in", errno);
  }
  temporary_name_ = name;
}

void DurableFile::fail(const std::string& what, int error_number) {
  failed_ = true;
  throw system_error(what, directory_, error_number);
}

void DurableFile::check_whole() const {
  if (failed_) {
    throw Error(ErrorCode::kIo,
                directory_ + ": a file in it could not be written; write its bytes to a new one",
                {.file = directory_, .column = ""});
  }
}

void DurableFile::write(std::span<const std::byte> bytes) {
  check_whole();
  size_ += bytes.size();
  if (!buffer_.empty()) {
    const size_t missing = kStretchBytes - (handed_over_ + buffer_.size()) % kStretchBytes;
    const auto head = bytes.first(std::min(missing, bytes.size()));
    buffer_.insert(buffer_.end(), head.begin(), head.end());
    bytes = bytes.subspan(head.size());
    if (head.size() == missing) {
      flush();
    }
  }
  // With bytes left the buffer is empty: whole stretches need no copy.
  const uint64_t end = handed_over_ + bytes.size();
  if (const uint64_t last = end - end % kStretchBytes; last > handed_over_) {
    const size_t whole = last - handed_over_;
    write_through(bytes.first(whole));
    bytes = bytes.subspan(whole);
  }
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

void DurableFile::flush() {
  write_through(buffer_);
  buffer_.clear();
}

void DurableFile::write_through(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n =
        retry_interrupted([&] { return ::write(descriptor_, bytes.data(), bytes.size()); });
    if (n <= 0) {
      fail("a file in it cannot be written", n < 0 ? errno : EIO);
    }
    bytes = bytes.subspan(static_cast<size_t>(n));
    handed_over_ += static_cast<uint64_t>(n);
  }
  if (handed_over_ - written_back_ >= kWriteBackBytes) {
    // A hint; whether the bytes arrive is what fsync says.
    static_cast<void>(::sync_file_range(descriptor_, static_cast<off_t>(written_back_),
                                        static_cast<off_t>(handed_over_ - written_back_),
                                        SYNC_FILE_RANGE_WRITE));
    written_back_ = handed_over_;
  }
}

bool DurableFile::link_as(const std::string& name) {
  const uint64_t before = temporary_name_.empty() ? 0 : 1;
  const int result = retry_interrupted([&] {
    return temporary_name_.empty()
               ? ::linkat(AT_FDCWD, descriptor_path(descriptor_).c_str(), directory_fd_,
                          name.c_str(), AT_SYMLINK_FOLLOW)
               : ::linkat(directory_fd_, temporary_name_.c_str(), directory_fd_, name.c_str(), 0);
  });
  const int error_number = errno;
  // A network file system may have made the link and lost the answer.
  if (result == 0 || link_count(descriptor_) > before) {
    return true;
  }
  if (error_number != EEXIST) {
    fail("a file in it cannot be given the name " + name, error_number);
  }
  return false;
}

bool DurableFile::publish(const std::string& name, Unsynced unsynced) {
  check_whole();
  if (!synced_) {
    flush();
    if (retry_interrupted([&] { return ::fsync(descriptor_); }) != 0) {
      fail("a file in it cannot be synchronised with the disk", errno);
    }
    synced_ = true;
  }
  if (!link_as(name)) {
    return false;
  }
  published_ = true;
  if (!temporary_name_.empty()) {
    // Where it stays it is one more name of a whole file, and is collected by age.
    ::unlinkat(directory_fd_, std::exchange(temporary_name_, {}).c_str(), 0);
  }
  try {
    sync_open_directory(directory_, directory_fd_);
  } catch (...) {
    if (unsynced == Unsynced::kRemove && ::unlinkat(directory_fd_, name.c_str(), 0) == 0) {
      published_ = false;
      failed_ = true;
    }
    throw;
  }
  return true;
}

void DurableFile::replace(const std::string& name, bool durable) {
  check_whole();
  flush();
  if (durable && retry_interrupted([&] { return ::fsync(descriptor_); }) != 0) {
    fail("a file in it cannot be synchronised with the disk", errno);
  }
  if (::renameat(directory_fd_, temporary_name_.c_str(), directory_fd_, name.c_str()) != 0) {
    fail("a file in it cannot be given the name " + name, errno);
  }
  temporary_name_.clear();
  published_ = true;
  if (durable) {
    sync_open_directory(directory_, directory_fd_);
  }
}

int64_t DurableFile::modified_ns() const {
  struct stat status = {};
  if (::fstat(descriptor_, &status) != 0) {
    throw system_error("a file in it cannot be inspected", directory_, errno);
  }
  return status.st_mtim.tv_sec * int64_t{1'000'000'000} + status.st_mtim.tv_nsec;
}

bool is_temporary_name(std::string_view name) noexcept {
  return name.starts_with(kTemporaryPrefix) && is_uuid(name.substr(kTemporaryPrefix.size()));
}

void sync_directory(const std::string& directory) {
  const int fd = open_directory(directory);
  try {
    sync_open_directory(directory, fd);
  } catch (...) {
    ::close(fd);
    throw;
  }
  ::close(fd);
}

void create_directories_durably(const std::string& path) {
  std::filesystem::path whole(path);
  if (!whole.has_filename()) {
    whole = whole.parent_path();  // "a/" is "a"
  }
  const std::string parent = whole.has_parent_path() ? whole.parent_path().string() : ".";
  const auto make = [&] { return ::mkdir(whole.c_str(), kDirectoryMode) == 0 ? 0 : errno; };
  int error_number = make();
  if (error_number == ENOENT && parent != whole) {
    create_directories_durably(parent);
    error_number = make();
  }
  if (error_number == EEXIST) {
    check_directory(whole);
  } else if (error_number != 0) {
    throw system_error("the directory cannot be made", path, error_number);
  }
  // Whoever made it may not have come so far as to synchronise it.
  sync_parent(parent, error_number == 0);
}

}  // namespace headrace
