#pragma once

#include <memory>
#include <vector>

#include "column/elementwise.h"

namespace headrace {

// The conversions that a reader has needed so far, each made once. One per thread, not shared.
class Conversions {
 public:
  // The conversion along `path`; it stays where it is for as long as this lives. Requires: at least
  // one step.
  const Conversion& of(const std::vector<ValueStep>& path);

 private:
  struct Known {
    std::vector<ValueStep> path;
    std::unique_ptr<const Conversion> conversion;
  };
  std::vector<Known> known_;
};

}  // namespace headrace
