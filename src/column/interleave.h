#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace headrace {

// Writes row 0 of each of `columns`, then row 1 of each, and so on: `rows` rows of `row_bytes`
// bytes. Nothing needs alignment.
void interleave(std::span<const std::byte* const> columns, uint64_t rows, uint64_t row_bytes,
                std::byte* out) noexcept;

}  // namespace headrace
