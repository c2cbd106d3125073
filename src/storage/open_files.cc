#include "storage/open_files.h"

#include <algorithm>
#include <sys/resource.h>

#include "base/error.h"

namespace headrace {

size_t OpenFiles::max_open() {
  static const size_t kMaxOpen = [] {
    constexpr rlim_t kLeast = 4;
    constexpr rlim_t kMost = 64;
    rlimit limit = {};
    const bool known = ::getrlimit(RLIMIT_NOFILE, &limit) == 0;
    return static_cast<size_t>(known ? std::clamp(limit.rlim_cur / 64, kLeast, kMost) : kLeast);
  }();
  return kMaxOpen;
}

const File& OpenFiles::get(const std::string& path, const std::optional<FileInfo>& expected) {
  ++uses_;
  const auto known = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.path == &path; });
  if (known != entries_.end()) {
    known->last_use = uses_;
    return *known->file;
  }
  if (entries_.size() >= max_open()) {
    const auto oldest =
        std::min_element(entries_.begin(), entries_.end(),
                         [](const Entry& a, const Entry& b) { return a.last_use < b.last_use; });
    entries_.erase(oldest);
  }
  std::unique_ptr<const File> file;
  try {
    file = std::make_unique<const File>(path, expected);
  } catch (const Error&) {
    if (entries_.empty()) {
      throw;
    }
    entries_.clear();  // perhaps the process has no descriptor left
    file = std::make_unique<const File>(path, expected);
  }
  file->expect_random();  // what is wanted is asked for by will_need
  entries_.push_back({&path, uses_, std::move(file)});
  return *entries_.back().file;
}

}  // namespace headrace
