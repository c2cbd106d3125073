#include "storage/file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <utility>

#include "base/error.h"
#include "storage/interrupts.h"

namespace headrace {
namespace {

// statfs(2) has these numbers; the kernel's header lacks some of them.
constexpr std::array<uint32_t, 3> kMemoryFileSystems = {
    0x01021994,  // tmpfs
    0x858458F6,  // ramfs
    0x958458F6,  // hugetlbfs
};
constexpr std::array<uint32_t, 13> kRemoteFileSystems = {
    0x6969,      // nfs
    0x517B,      // smb
    0xFE534D42,  // smb2
    0xFF534D42,  // cifs
    0x65735546,  // fuse
    0x01021997,  // 9p
    0x00C36400,  // ceph
    0x5346414F,  // afs
    0x73757245,  // coda
    0x0BD00BD0,  // lustre
    0x47504653,  // gpfs
    0x19830326,  // beegfs
    0x20030528,  // orangefs
};

FileInfo regular_file(const std::string& path, const struct stat& status) {
  if (!S_ISREG(status.st_mode)) {
    const char* found = S_ISDIR(status.st_mode) ? "a directory" : "not a regular file";
    throw Error(ErrorCode::kInvalid,
                path + " is " + found + "; name the files inside, for example with a glob",
                {.file = path, .column = ""});
  }
  constexpr int64_t kNsPerSecond = 1'000'000'000;
  return {.size = static_cast<uint64_t>(status.st_size),
          .device = static_cast<uint64_t>(status.st_dev),
          .inode = static_cast<uint64_t>(status.st_ino),
          .modified_ns = status.st_mtim.tv_sec * kNsPerSecond + status.st_mtim.tv_nsec};
}

FileInfo inspect(int descriptor, const std::string& path) {
  struct stat status = {};
  if (::fstat(descriptor, &status) != 0) {
    throw system_error("cannot be inspected", path, errno);
  }
  return regular_file(path, status);
}

FileInfo inspect_as(int descriptor, const std::string& path,
                    const std::optional<FileInfo>& expected) {
  const FileInfo info = inspect(descriptor, path);
  if (expected && (info.device != expected->device || info.inode != expected->inode)) {
    throw Error(ErrorCode::kCorrupt,
                path +
                    " was replaced by another file after the dataset was made; make the dataset "
                    "again",
                {.file = path, .column = ""});
  }
  return info;
}

// The kernel would see a path that ends at its first NUL, which is another file's.
void check_path(const std::string& path) {
  if (const size_t nul = path.find('\0'); nul != std::string::npos) {
    const std::string shown = path.substr(0, nul) + "\\0" + path.substr(nul + 1);
    throw Error(ErrorCode::kInvalid, shown + " has a NUL in it, and no file's name has one",
                {.file = shown, .column = ""});
  }
}

int open_to_read(const std::string& path, Links links) {
  check_path(path);
  // Non-blocking: opening a pipe by mistake must not hang; regular files do not care.
  const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (links == Links::kRefuse ? O_NOFOLLOW : 0);
  return retry_interrupted([&] { return ::open(path.c_str(), flags); });
}

}  // namespace

FileInfo inspect_file(const std::string& path) {
  check_path(path);
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) {
    throw system_error("cannot be read", path, errno);
  }
  return regular_file(path, status);
}

File::File(std::string path, const std::optional<FileInfo>& expected, Links links)
    : path_(std::move(path)), descriptor_(open_to_read(path_, links)) {
  if (descriptor_ < 0) {
    if (errno == ELOOP && links == Links::kRefuse) {
      throw Error(ErrorCode::kCorrupt, path_ + " is a symbolic link; copy the file to this place",
                  {.file = path_, .column = ""});
    }
    throw system_error("cannot be opened", path_, errno);
  }
  try {
    info_ = inspect_as(descriptor_, path_, expected);
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

File::~File() { ::close(descriptor_); }

FileInfo File::look() const { return inspect(descriptor_, path_); }

FileSystemKind File::file_system() const noexcept {
  struct statfs status = {};
  if (::fstatfs(descriptor_, &status) != 0) {
    return FileSystemKind::kDisk;
  }
  const auto type = static_cast<uint32_t>(status.f_type);
  const auto is_in = [type](const auto& types) {
    return std::find(types.begin(), types.end(), type) != types.end();
  };
  return is_in(kMemoryFileSystems)   ? FileSystemKind::kMemory
         : is_in(kRemoteFileSystems) ? FileSystemKind::kRemote
                                     : FileSystemKind::kDisk;
}

uint64_t File::read_some(uint64_t offset, std::span<std::byte> out) const {
  uint64_t done = 0;
  while (done < out.size()) {
    const ssize_t n = retry_interrupted([&] {
      return ::pread(descriptor_, out.data() + done, out.size() - done,
                     static_cast<off_t>(offset + done));
    });
    if (n < 0) {
      throw system_error("cannot be read", path_, errno);
    }
    if (n == 0) {
      break;
    }
    done += static_cast<uint64_t>(n);
  }
  return done;
}

void File::read(uint64_t offset, std::span<std::byte> out) const {
  const uint64_t done = read_some(offset, out);
  if (done < out.size()) {
    throw truncated_error(path_, offset + out.size(), offset + done);
  }
}

void File::expect_random() const noexcept {
  static_cast<void>(::posix_fadvise(descriptor_, 0, 0, POSIX_FADV_RANDOM));
}

void File::will_need(uint64_t offset, uint64_t bytes) const noexcept {
  for (uint64_t at = offset; at < offset + bytes; at += kReadAheadStep) {
    const uint64_t step = std::min(kReadAheadStep, offset + bytes - at);
    static_cast<void>(::posix_fadvise(descriptor_, static_cast<off_t>(at), static_cast<off_t>(step),
                                      POSIX_FADV_WILLNEED));
  }
}

Residency File::residency(uint64_t offset) const noexcept {
  std::byte byte{};
  const iovec out{&byte, 1};
  const ssize_t n = ::preadv2(descriptor_, &out, 1, static_cast<off_t>(offset), RWF_NOWAIT);
  if (n == 1) {
    return Residency::kResident;
  }
  return n < 0 && errno == EAGAIN ? Residency::kAbsent : Residency::kUnknown;
}

uint64_t read_file_head(const std::string& path, std::span<std::byte> out) {
  return File(path).read_some(0, out);
}

}  // namespace headrace
