#include "storage/open_files.h"

#include <algorithm>

namespace headrace {

const File& OpenFiles::get(const std::string& path, const std::optional<FileInfo>& expected) {
  ++uses_;
  const auto known = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.path == &path; });
  if (known != entries_.end()) {
    known->last_use = uses_;
    return *known->file;
  }
  if (entries_.size() >= kMaxOpen) {
    const auto oldest =
        std::min_element(entries_.begin(), entries_.end(),
                         [](const Entry& a, const Entry& b) { return a.last_use < b.last_use; });
    entries_.erase(oldest);
  }
  auto file = std::make_unique<const File>(path, expected);
  file->expect_random();  // what is wanted is asked for by will_need
  entries_.push_back({&path, uses_, std::move(file)});
  return *entries_.back().file;
}

}  // namespace headrace
