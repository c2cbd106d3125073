#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <type_traits>

namespace headrace {

// Elements that are zero bytes at first. Pages that nobody sets take no memory and no time: there
// may be an element for each of a million pieces, and a read that needs one of them.
template <typename T>
class ZeroedArray {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  // NOLINTNEXTLINE(bugprone-sizeof-expression): of pointers, too, as each calloc() of them
  explicit ZeroedArray(uint64_t size) : elements_(static_cast<T*>(std::calloc(size, sizeof(T)))) {
    if (elements_ == nullptr && size > 0) {
      throw std::bad_alloc();
    }
  }

  T& operator[](uint64_t i) noexcept { return elements_.get()[i]; }
  const T& operator[](uint64_t i) const noexcept { return elements_.get()[i]; }
  const T* data() const noexcept { return elements_.get(); }

 private:
  struct Free {
    void operator()(T* elements) const noexcept { std::free(elements); }
  };
  std::unique_ptr<T, Free> elements_;
};

}  // namespace headrace
