#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "format/shard_layout.h"
#include "storage/file.h"

namespace headrace {

// A file of tests/golden.
class GoldenFile {
 public:
  explicit GoldenFile(const std::string& name)
      : file_(HEADRACE_GOLDEN + ("/" + name)), bytes_(file_.info().size) {
    file_.read(0, bytes_);
  }

  ShardLayout layout(LayoutRules rules = LayoutRules::kAnyArrow) const {
    return read_shard_layout(file_, rules);
  }
  const File& file() const noexcept { return file_; }
  const std::vector<std::byte>& bytes() const noexcept { return bytes_; }

 private:
  File file_;
  std::vector<std::byte> bytes_;
};

}  // namespace headrace
