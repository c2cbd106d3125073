#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

namespace headrace::python {

using NumberArray = nanobind::ndarray<nanobind::numpy, uint64_t, nanobind::ndim<1>>;

// The numbers as an array that owns them.
inline NumberArray number_array(std::vector<uint64_t> numbers) {
  auto held = std::make_unique<std::vector<uint64_t>>(std::move(numbers));
  uint64_t* data = held->data();
  const size_t size = held->size();
  const nanobind::capsule owner(held.release(), [](void* owned) noexcept {
    delete static_cast<std::vector<uint64_t>*>(owned);
  });
  return {data, {size}, owner};
}

}  // namespace headrace::python
