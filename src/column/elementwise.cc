#include "column/elementwise.h"

#include <algorithm>
#include <array>

namespace headrace {
namespace {

template <typename T>
void multiply_all(std::span<T> values, double factor) noexcept {
  for (T& value : values) {
    value = static_cast<T>(static_cast<double>(value) * factor);
  }
}

}  // namespace

bool ValueStep::operator==(const ValueStep& other) const noexcept {
  const bool same_function =
      function == other.function ||
      (function != nullptr && other.function != nullptr && *function == *other.function);
  return dtype == other.dtype && same_function;
}

Conversion::Conversion(std::span<const DType> path)
    : Conversion(std::vector<ValueStep>(path.begin(), path.end())) {}

Conversion::Conversion(std::span<const ValueStep> path)
    : from_size_(dtype_size(path.front().dtype)), to_size_(dtype_size(path.back().dtype)) {
  if (path.size() == 1) {
    add(path[0].dtype, path[0]);
  }
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    add(path[i].dtype, path[i + 1]);
  }
}

void Conversion::add(DType from, const ValueStep& step) {
  if (step.function == nullptr) {
    steps_.push_back({.cast = cast_kernel(from, step.dtype)});
  } else {
    steps_.push_back({.kernel = kernel_of(*step.function, from), .function = step.function});
  }
}

void Conversion::Step::apply(const std::byte* from, std::byte* to, uint64_t elements,
                             uint64_t position) const noexcept {
  if (cast != nullptr) {
    cast(from, to, elements);
  } else {
    kernel(*function, from, to, elements, position);
  }
}

void Conversion::apply(const std::byte* from, std::byte* to, uint64_t elements) const noexcept {
  if (elements == 0) {  // of which there may be no memory
    return;
  }
  if (steps_.size() == 1) {
    steps_.front().apply(from, to, elements, 0);
    return;
  }
  // Through dtypes between: block by block, from one small buffer to the other.
  constexpr uint64_t kBlock = 128;
  std::array<std::array<std::byte, kBlock * sizeof(double)>, 2> between;
  for (uint64_t done = 0; done < elements; done += kBlock) {
    const uint64_t count = std::min(kBlock, elements - done);
    const std::byte* source = from + done * from_size_;
    for (size_t step = 0; step < steps_.size(); ++step) {
      const bool last = step + 1 == steps_.size();
      std::byte* target = last ? to + done * to_size_ : between[step % 2].data();
      steps_[step].apply(source, target, count, done);
      source = target;
    }
  }
}

void multiply(std::span<float> values, double factor) noexcept { multiply_all(values, factor); }
void multiply(std::span<double> values, double factor) noexcept { multiply_all(values, factor); }

}  // namespace headrace
