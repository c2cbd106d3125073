#include "column/logarithm.h"

#include <cmath>
#include <cstddef>

#include "column/elements.h"

namespace headrace {
namespace {

struct Log1pInPlace {
  [[gnu::always_inline]] void operator()(const std::byte* from, std::byte* to, uint64_t elements,
                                         uint64_t /*position*/) const noexcept {
#pragma GCC ivdep  // each is read before it is written
    for (uint64_t i = 0; i < elements; ++i) {
      store_element(to, i, log1p_of(load_element<float>(from, i)));
    }
  }
};

}  // namespace

void log1p(std::span<float> values, VectorSet set) noexcept {
  auto* bytes = reinterpret_cast<std::byte*>(values.data());
  const RowPair row = {.from = bytes, .to = bytes, .ahead = nullptr};
  kernel_for<RowKernel<Log1pInPlace>>(set)({.rows = {&row, 1}, .elements = values.size()});
}

void log1p(std::span<double> values) noexcept {
  for (double& value : values) {
    value = std::log1p(value);
  }
}

}  // namespace headrace
