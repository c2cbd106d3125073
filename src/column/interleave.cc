#include "column/interleave.h"

#include <cstring>

namespace headrace {
namespace {

// A length that the compiler knows becomes one load and one store.
template <uint64_t row_bytes>
void interleave_words(std::span<const std::byte* const> columns, uint64_t rows,
                      std::byte* out) noexcept {
  for (uint64_t row = 0; row < rows; ++row) {
    for (const std::byte* column : columns) {
      std::memcpy(out, column + row * row_bytes, row_bytes);
      out += row_bytes;
    }
  }
}

}  // namespace

void interleave(std::span<const std::byte* const> columns, uint64_t rows, uint64_t row_bytes,
                std::byte* out) noexcept {
  switch (row_bytes) {
    case 1:
      return interleave_words<1>(columns, rows, out);
    case 2:
      return interleave_words<2>(columns, rows, out);
    case 4:
      return interleave_words<4>(columns, rows, out);
    case 8:
      return interleave_words<8>(columns, rows, out);
    default:
      break;
  }
  for (uint64_t row = 0; row < rows; ++row) {
    for (const std::byte* column : columns) {
      std::memcpy(out, column + row * row_bytes, row_bytes);
      out += row_bytes;
    }
  }
}

}  // namespace headrace
