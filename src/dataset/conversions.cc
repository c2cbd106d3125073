#include "dataset/conversions.h"

#include <algorithm>

namespace headrace {

const Conversion& Conversions::of(const std::vector<ValueStep>& path) {
  const auto at = std::find_if(known_.begin(), known_.end(),
                               [&](const Known& known) { return known.path == path; });
  if (at != known_.end()) {
    return *at->conversion;
  }
  known_.push_back({path, std::make_unique<const Conversion>(std::span(path))});
  return *known_.back().conversion;
}

}  // namespace headrace
