#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/byte_sink.h"

// How files come to be: a name either does not exist or stands for a whole file that is on the
// disk, after the death of any process and after a power cut.
//
// 1. The bytes go to a file without a name (O_TMPFILE); where the file system has none, to one with
//    a temporary name of its own. A process that dies here leaves nothing, or a temporary file.
// 2. fsync of the file. One that failed is never tried again: the kernel may have dropped the
//    pages, and would report success.
// 3. link() under the final name: it fails where the name exists, so a file is never replaced.
// 4. fsync of the directory.
namespace headrace {

// Whether an unfinished file may have this name. Such files may be removed by age.
bool is_temporary_name(std::string_view name) noexcept;

// A new file that gets its name when it is complete. Not shared between threads.
class DurableFile final : public ByteSink {
 public:
  // How the unfinished file is kept. kAuto is kUnnamed where the file system offers it.
  enum class Unfinished : uint8_t { kAuto, kNamed };

  // Begins a file in `directory`. Throws kNotFound, kIo.
  static DurableFile create(const std::string& directory, Unfinished kind = Unfinished::kAuto);

  // Drops what was not published.
  ~DurableFile() override;
  DurableFile(DurableFile&& other) noexcept;
  DurableFile& operator=(DurableFile&& other) = delete;

  // Throws kIo; the file is then of no use, and every later call throws: its bytes have to be
  // written to another one.
  void write(std::span<const std::byte> bytes) override;

  // Bytes written so far.
  uint64_t size() const noexcept { return size_; }

  // What becomes of a name when its directory cannot be synchronised.
  enum class Unsynced : uint8_t {
    kRemove,  // it is taken back: nobody knew it yet
    kKeep,    // it stays: others may have seen it, and must not see it vanish
  };

  // Makes the file durable and gives it `name` in its directory; true when it has it. False when
  // the name exists: the file can still be published under another one. Throws kIo; whether the
  // file has its name then says published(): with kRemove only where the name could not be taken
  // back either. Requires: `name` is a
  // plain file name; not published before.
  bool publish(const std::string& name, Unsynced unsynced = Unsynced::kRemove);

  // Gives the file `name` in place of the file that has it: readers see the old bytes or the new.
  // Of one that need not be durable, a power cut may leave an empty file: for hints only. Throws
  // kIo. Requires: as publish(), and created as kNamed.
  void replace(const std::string& name, bool durable);

  // Whether the file has its name. After publish() threw, a power cut may still take it away.
  bool published() const noexcept { return published_; }

  // The file system's time, in nanoseconds since 1970, of the last write. Throws kIo.
  int64_t modified_ns() const;

 private:
  DurableFile(std::string directory, int directory_fd) noexcept
      : directory_(std::move(directory)), directory_fd_(directory_fd) {}

  void open(Unfinished kind);
  void check_whole() const;
  void write_through(std::span<const std::byte> bytes);
  void flush();
  bool link_as(const std::string& name);
  [[noreturn]] void fail(const std::string& what, int error_number);

  std::string directory_;
  int directory_fd_ = -1;
  int descriptor_ = -1;
  std::string temporary_name_;     // empty: the file has none
  std::vector<std::byte> buffer_;  // small writes that were not handed to the kernel yet
  uint64_t size_ = 0;
  uint64_t handed_over_ = 0;   // bytes that the kernel has
  uint64_t written_back_ = 0;  // of which so many are on their way to the disk
  bool synced_ = false;
  bool failed_ = false;
  bool published_ = false;
};

// Makes `path` a directory, and those above it, so that they survive a power cut; fine where they
// exist. Throws kIo, and kInvalid where something else has the name.
void create_directories_durably(const std::string& path);

// Makes what was created, renamed or removed in `directory` durable. Throws kNotFound, kIo.
void sync_directory(const std::string& directory);

}  // namespace headrace
