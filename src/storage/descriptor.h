#pragma once

#include <string>
#include <sys/types.h>

namespace headrace {

// A file that is open in this process alone: fork() closes it in the child, where a copy would keep
// the file's locks, and the space of a removed file, for as long as the child lives. In a child the
// objects that were copied are left alone: they close nothing.
class Descriptor {
 public:
  Descriptor() = default;

  // open(2) with O_CLOEXEC, again while signals interrupt it; where it fails, none, and errno. No
  // fork() comes between opening and noting it.
  static Descriptor open(const std::string& path, int flags, mode_t mode = 0);

  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;

  // Whether a file is open.
  explicit operator bool() const noexcept { return number_ >= 0; }

  int get() const noexcept { return number_; }

  void close() noexcept;

 private:
  int number_ = -1;
  pid_t process_ = 0;  // that opened it
};

}  // namespace headrace
