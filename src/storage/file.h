#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace headrace {

// What identifies a file between two looks at its path.
struct FileInfo {
  uint64_t size = 0;
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t modified_ns = 0;  // since 1970, by the file system's clock

  bool operator==(const FileInfo&) const = default;
};

// Looks at `path` without opening it.
// Throws kNotFound; kInvalid for anything but a regular file; kIo.
FileInfo inspect_file(const std::string& path);

// How a file system treats maps and memory.
enum class FileSystemKind : uint8_t {
  kDisk,    // pages of files are cached; maps are sound
  kMemory,  // files are memory already
  kRemote,  // another machine or process answers: it may fail in the middle of a map
};

enum class Residency : uint8_t { kResident, kAbsent, kUnknown };

// Whether a path may end in a symbolic link. In a directory whose names are ours it may not: a link
// would lead out of it.
enum class Links : uint8_t { kFollow, kRefuse };

// A regular file that is open for reading.
class File {
 public:
  // Throws as inspect_file; kCorrupt when it is another file than `expected`, if that is given, or
  // a link that is refused.
  explicit File(std::string path, const std::optional<FileInfo>& expected = std::nullopt,
                Links links = Links::kFollow);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  const std::string& path() const noexcept { return path_; }
  int descriptor() const noexcept { return descriptor_; }

  // As it was when the file was opened.
  const FileInfo& info() const noexcept { return info_; }

  // As it is now. Throws kIo.
  FileInfo look() const;

  FileSystemKind file_system() const noexcept;

  // Reads exactly out.size() bytes at `offset`. Throws kIo, kTruncated.
  void read(uint64_t offset, std::span<std::byte> out) const;

  // Reads up to out.size() bytes at `offset`; returns how many there were. Throws kIo.
  uint64_t read_some(uint64_t offset, std::span<std::byte> out) const;

  // Tells the kernel that reads come in no order, so that it reads nothing but what is asked for.
  void expect_random() const noexcept;

  // Starts reading `bytes` at `offset` into memory, and returns before they are there.
  void will_need(uint64_t offset, uint64_t bytes) const noexcept;

  // Whether the byte at `offset` is in memory. Unlike mincore it tells the truth to users who do
  // not own the file.
  Residency residency(uint64_t offset) const noexcept;

 private:
  std::string path_;
  int descriptor_;
  FileInfo info_;
};

// Reads up to out.size() bytes from the start of the file; returns how many there were. Throws as
// File and File::read_some.
uint64_t read_file_head(const std::string& path, std::span<std::byte> out);

// What the kernel reads ahead for one call at least, if it was not told otherwise: it cuts longer
// requests without a word.
inline constexpr uint64_t kReadAheadStep = uint64_t{128} << 10;

}  // namespace headrace
