#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "column/schema.h"

namespace headrace {

// Converts elements of one dtype to another, through any dtypes between them. Immutable;
// thread-safe.
//
// Values that both types hold are kept exactly. Otherwise, as numpy's astype does where numpy says
// what it does: integers wrap, floats are rounded to nearest-even towards a smaller float and cut
// towards zero towards an integer; bool is "not zero". Where numpy leaves the result to the
// processor it is fixed here, so that it is the same everywhere: a float beyond an integer's range
// becomes the nearest end of the range, and NaN becomes 0.
class Conversion {
 public:
  // A plain copy of nothing; assign another before use.
  Conversion() = default;

  // Requires: at least one dtype. One alone is a plain copy.
  explicit Conversion(std::span<const DType> path);

  uint64_t from_size() const noexcept { return from_size_; }  // bytes per element
  uint64_t to_size() const noexcept { return to_size_; }

  // The arrays need no alignment and do not overlap.
  void apply(const std::byte* from, std::byte* to, uint64_t elements) const noexcept;

 private:
  using Step = void (*)(const std::byte* from, std::byte* to, uint64_t elements) noexcept;

  std::vector<Step> steps_;
  uint64_t from_size_ = 0;
  uint64_t to_size_ = 0;
};

// Multiplies each value by `factor`, in double; the product is rounded once.
void multiply(std::span<float> values, double factor) noexcept;
void multiply(std::span<double> values, double factor) noexcept;

// Replaces each value x by log(1 + x), exact near 0 too; -1 becomes -infinity, less becomes NaN.
// A float is within 0.501 units in the last place; a double is that of the C library.
void log1p(std::span<float> values) noexcept;
void log1p(std::span<double> values) noexcept;

}  // namespace headrace
