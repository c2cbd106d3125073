#include "storage/part_file.h"

#include <cerrno>
#include <fcntl.h>
#include <optional>
#include <sys/statvfs.h>
#include <unistd.h>
#include <utility>

#include "base/checked.h"
#include "base/error.h"
#include "storage/interrupts.h"

namespace headrace {
namespace {

constexpr mode_t kFileMode = 0666;  // less the process's umask

std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

// What this user may still write to the disk of `directory`.
std::optional<uint64_t> bytes_left(const std::string& directory) {
  struct statvfs disk = {};
  if (::statvfs(directory.c_str(), &disk) != 0) {
    return std::nullopt;
  }
  return saturating_mul(disk.f_bavail, disk.f_frsize);
}

// Whether the disk of `directory` has no room for `bytes`, where it says what it has.
bool is_too_full(const std::string& directory, uint64_t bytes) {
  struct statvfs disk = {};
  return ::statvfs(directory.c_str(), &disk) == 0 && disk.f_blocks > 0 &&
         saturating_mul(disk.f_bfree, disk.f_frsize) < bytes;
}

}  // namespace

PartFile::PartFile(std::string path, uint64_t bytes)
    : path_(std::move(path)),
      bytes_(bytes),
      file_(Descriptor::open(path_, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, kFileMode)) {
  if (!file_) {
    fail("cannot be created", errno);
  }
  if (!resize(bytes_)) {
    const int error_number = errno;
    ::unlink(path_.c_str());
    fail("cannot be made as large as needed", error_number);
  }
}

bool PartFile::resize(uint64_t bytes) const {
  return retry_interrupted([&] { return ::ftruncate(file_.get(), static_cast<off_t>(bytes)); }) ==
         0;
}

void PartFile::shorten(uint64_t bytes) {
  if (bytes == bytes_) {
    return;
  }
  if (!resize(bytes)) {
    fail("cannot be made shorter", errno);
  }
  bytes_ = bytes;
}

void PartFile::allocate() const {
  if (bytes_ == 0) {
    return;
  }
  // It would take all that is left before it fails, and others would find the disk full meanwhile.
  if (is_too_full(directory_of(path_), bytes_)) {
    fail("cannot have its space", ENOSPC);
  }
  const int result =
      retry_interrupted([&] { return ::fallocate(file_.get(), 0, 0, static_cast<off_t>(bytes_)); });
  if (result != 0 && errno != EOPNOTSUPP && errno != ENOSYS) {
    fail("cannot have its space", errno);
  }
}

void PartFile::write(uint64_t offset, std::span<const std::byte> data) const {
  if (!range_fits(offset, data.size(), bytes_)) {
    throw Error(ErrorCode::kInvalid,
                path_ + ": bytes " + std::to_string(offset) + " and on, " +
                    std::to_string(data.size()) + " of them, do not fit the " +
                    std::to_string(bytes_) + " that were asked for",
                {.file = path_, .column = ""});
  }
  while (!data.empty()) {
    const ssize_t n = retry_interrupted([&] {
      return ::pwrite(file_.get(), data.data(), data.size(), static_cast<off_t>(offset));
    });
    if (n <= 0) {
      fail("cannot be written", n < 0 ? errno : EIO);
    }
    data = data.subspan(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
}

void PartFile::fail(const std::string& what, int error_number) const {
  if (error_number != ENOSPC && error_number != EDQUOT) {
    throw system_error(what, path_, error_number);
  }
  const std::string directory = directory_of(path_);
  const auto left = bytes_left(directory);
  const std::string left_text =
      left ? std::to_string(*left) + " bytes are left" : "it does not say what is left";
  throw Error(ErrorCode::kIo,
              directory + ": the disk" + (error_number == EDQUOT ? "'s quota" : "") +
                  " is full: a shard needs " + std::to_string(bytes_) + " bytes, and " + left_text +
                  ". Remove other files from this disk, give a smaller cache_bytes, or a cache= "
                  "on another disk",
              {.file = path_, .column = ""});
}

}  // namespace headrace
