#include "column/logarithm.h"

#include <cmath>
#include <cstddef>

namespace headrace {
namespace {

struct Log1pInPlace {
  [[gnu::always_inline]] static void run(float* values, size_t count) noexcept {
    for (size_t i = 0; i < count; ++i) {
      values[i] = log1p_of(values[i]);
    }
  }
};

}  // namespace

void log1p(std::span<float> values, VectorSet set) noexcept {
  kernel_for<Log1pInPlace>(set)(values.data(), values.size());
}

void log1p(std::span<double> values) noexcept {
  for (double& value : values) {
    value = std::log1p(value);
  }
}

}  // namespace headrace
