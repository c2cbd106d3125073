#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "column/schema.h"

// Elements in bytes that need not be aligned, as in files that anyone may write.
namespace headrace {

// Element `i` of an array of T.
template <typename T>
T load_element(const std::byte* elements, uint64_t i) noexcept {
  T value;
  std::memcpy(&value, elements + i * sizeof(T), sizeof(T));
  return value;
}

template <typename T>
void store_element(std::byte* elements, uint64_t i, T value) noexcept {
  std::memcpy(elements + i * sizeof(T), &value, sizeof(T));
}

// Index `i` of an array of Index. A negative one becomes one above every width.
template <typename Index>
uint64_t load_index(const std::byte* indices, uint64_t i) noexcept {
  return static_cast<uint64_t>(static_cast<int64_t>(load_element<Index>(indices, i)));
}

// Calls `use` with a value of the type of indices of `dtype`: uint16_t, int32_t or int64_t.
template <typename Use>
auto with_index_type(DType dtype, const Use& use) {
  switch (dtype) {
    case DType::kUint16:
      return use(uint16_t{});
    case DType::kInt32:
      return use(int32_t{});
    default:
      return use(int64_t{});
  }
}

}  // namespace headrace
