#include "storage/mapped_file.h"

#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "base/error.h"

namespace headrace {
namespace {

constexpr uint64_t kLinuxDefaultMaps = 65530;

// Mirrors a limit that the kernel keeps per process.
std::atomic<uint64_t> open_maps{0};

class Descriptor {
 public:
  explicit Descriptor(const std::string& path)
      // Non-blocking: opening a pipe by mistake must not hang; regular files do not care.
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (fd_ < 0) {
      throw system_error("cannot be opened", path, errno);
    }
  }
  ~Descriptor() { ::close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

FileInfo regular_file(const std::string& path, const struct stat& status) {
  if (!S_ISREG(status.st_mode)) {
    const char* found = S_ISDIR(status.st_mode) ? "a directory" : "not a regular file";
    throw Error(ErrorCode::kInvalid,
                path + " is " + found + "; name the files inside, for example with a glob",
                {.file = path, .column = ""});
  }
  return {.size = static_cast<uint64_t>(status.st_size),
          .device = static_cast<uint64_t>(status.st_dev),
          .inode = static_cast<uint64_t>(status.st_ino)};
}

Error truncated(const std::string& path, uint64_t expected, uint64_t found) {
  return Error(ErrorCode::kTruncated,
               path + " is truncated: expected at least " + std::to_string(expected) +
                   " bytes, found " + std::to_string(found) +
                   "; restore the file or open the dataset again without it",
               {.file = path, .column = "", .row = std::nullopt, .offset = found});
}

// What `file` is, which must be `expected` if that is given.
FileInfo inspect(const Descriptor& file, const std::string& path,
                 const std::optional<FileInfo>& expected) {
  struct stat status = {};
  if (::fstat(file.get(), &status) != 0) {
    throw system_error("cannot be inspected", path, errno);
  }
  const FileInfo info = regular_file(path, status);
  if (expected && (info.device != expected->device || info.inode != expected->inode)) {
    throw Error(ErrorCode::kCorrupt,
                path +
                    " was replaced by another file after the dataset was made; make the dataset "
                    "again",
                {.file = path, .column = ""});
  }
  return info;
}

// Reads until `out` is full or the file ends; returns the bytes read.
uint64_t read_at(const Descriptor& file, const std::string& path, uint64_t offset,
                 std::span<std::byte> out) {
  uint64_t done = 0;
  while (done < out.size()) {
    const ssize_t n = ::pread(file.get(), out.data() + done, out.size() - done,
                              static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      throw system_error("cannot be read", path, errno);
    }
    if (n == 0) {
      break;
    }
    done += static_cast<uint64_t>(n);
  }
  return done;
}

}  // namespace

FileInfo inspect_file(const std::string& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) {
    throw system_error("cannot be read", path, errno);
  }
  return regular_file(path, status);
}

std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path, uint64_t expected_size,
                                                   const std::optional<FileInfo>& expected) {
  const Descriptor file(path);
  const FileInfo info = inspect(file, path, expected);
  if (info.size < expected_size) {
    throw truncated(path, expected_size, info.size);
  }
  if (info.size == 0) {
    return nullptr;
  }
  std::shared_ptr<MappedFile> mapped(new MappedFile(path, info));
  if (open_maps.fetch_add(1) >= max_maps()) {
    --open_maps;
    return nullptr;
  }
  void* data = ::mmap(nullptr, info.size, PROT_READ, MAP_SHARED, file.get(), 0);
  if (data == MAP_FAILED) {  // NOLINT(performance-no-int-to-ptr): the macro's own cast
    const int error_number = errno;
    --open_maps;
    if (error_number == ENOMEM || error_number == ENODEV) {
      return nullptr;
    }
    throw system_error("cannot be mapped", path, error_number);
  }
  mapped->data_ = static_cast<const std::byte*>(data);
  return mapped;
}

MappedFile::MappedFile(std::string path, const FileInfo& info)
    : path_(std::move(path)), size_(info.size), device_(info.device), inode_(info.inode) {}

MappedFile::~MappedFile() {
  if (data_ != nullptr) {
    ::munmap(const_cast<std::byte*>(data_), size_);
    --open_maps;
  }
}

bool MappedFile::contains(const void* address) const noexcept {
  const auto* at = static_cast<const std::byte*>(address);
  return at >= data_ && at < data_ + size_;
}

void MappedFile::check_size() const {
  struct stat status = {};
  if (::stat(path_.c_str(), &status) != 0) {
    return;  // deleted or out of reach: the map still holds the whole file
  }
  const bool same = static_cast<uint64_t>(status.st_dev) == device_ &&
                    static_cast<uint64_t>(status.st_ino) == inode_;
  if (same && static_cast<uint64_t>(status.st_size) < size_) {
    throw truncated(path_, size_, static_cast<uint64_t>(status.st_size));
  }
}

uint64_t MappedFile::max_maps() {
  static const uint64_t kLimit = [] {
    uint64_t allowed = kLinuxDefaultMaps;
    std::ifstream file("/proc/sys/vm/max_map_count");
    file >> allowed;
    return (file ? allowed : kLinuxDefaultMaps) / 2;
  }();
  return kLimit;
}

void read_file(const std::string& path, uint64_t offset, std::span<std::byte> out,
               const std::optional<FileInfo>& expected) {
  const Descriptor file(path);
  if (expected) {
    static_cast<void>(inspect(file, path, expected));
  }
  const uint64_t done = read_at(file, path, offset, out);
  if (done < out.size()) {
    throw truncated(path, offset + out.size(), offset + done);
  }
}

uint64_t read_file_head(const std::string& path, std::span<std::byte> out) {
  const Descriptor file(path);
  return read_at(file, path, 0, out);
}

}  // namespace headrace
