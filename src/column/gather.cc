#include "column/gather.h"

#include <algorithm>
#include <cstring>

namespace headrace {
namespace {

constexpr uint64_t kCacheLine = 64;
constexpr uint64_t kLinesInFlight = 64;   // about what a core's miss buffers and L2 queue keep busy
constexpr uint64_t kMaxLinesPerRow = 16;  // the hardware's own prefetcher follows longer rows
constexpr uint64_t kMinRunsAhead = 4;
constexpr uint64_t kMaxRunsAhead = 32;

inline const std::byte* row_at(const PieceRows& piece, uint64_t row) noexcept {
  return piece.rows + static_cast<int64_t>(row) * piece.stride;
}

// Fetches the first row of a run that is due soon.
inline void prefetch_run(const Run& run, const PieceRows* pieces, uint64_t row_bytes) noexcept {
  const std::byte* row = row_at(pieces[run.piece], run.first);
  const uint64_t bytes = std::min(row_bytes, kMaxLinesPerRow * kCacheLine);
  for (uint64_t at = 0; at < bytes; at += kCacheLine) {
    __builtin_prefetch(row + at);
  }
}

uint64_t runs_ahead(uint64_t row_bytes) noexcept {
  const uint64_t lines = row_bytes / kCacheLine + 1;
  return std::clamp(kLinesInFlight / lines, kMinRunsAhead, kMaxRunsAhead);
}

// Calls copy_rows(piece, source, rows, target) for every run, with the run ahead being fetched.
template <typename CopyRows>
void for_each_run(std::span<const Run> runs, const PieceRows* pieces, uint64_t row_bytes,
                  uint64_t out_bytes, std::byte* out, const CopyRows& copy_rows) noexcept {
  const uint64_t ahead = runs_ahead(row_bytes);
  for (size_t i = 0; i < std::min<size_t>(ahead, runs.size()); ++i) {
    prefetch_run(runs[i], pieces, row_bytes);
  }
  for (size_t i = 0; i < runs.size(); ++i) {
    if (i + ahead < runs.size()) {
      prefetch_run(runs[i + ahead], pieces, row_bytes);
    }
    const Run& run = runs[i];
    const PieceRows& piece = pieces[run.piece];
    copy_rows(piece, row_at(piece, run.first), run.count, out + run.out * out_bytes);
  }
}

// Rows of a size known to the compiler: a load and a store instead of a call.
template <uint64_t kRowBytes>
void gather_small(std::span<const Run> runs, const PieceRows* pieces, std::byte* out) noexcept {
  for_each_run(
      runs, pieces, kRowBytes, kRowBytes, out,
      [](const PieceRows& piece, const std::byte* from, uint64_t rows, std::byte* to) noexcept {
        for (uint64_t i = 0; i < rows; ++i) {
          std::memcpy(to + i * kRowBytes, from + static_cast<int64_t>(i) * piece.stride, kRowBytes);
        }
      });
}

// Whole cache lines, copied in place rather than by a call.
inline void copy_lines(const std::byte* from, std::byte* to, uint64_t bytes) noexcept {
  for (uint64_t at = 0; at < bytes; at += kCacheLine) {
    std::memcpy(to + at, from + at, kCacheLine);
  }
}

void gather_lines(std::span<const Run> runs, const PieceRows* pieces, uint64_t row_bytes,
                  std::byte* out) noexcept {
  for_each_run(runs, pieces, row_bytes, row_bytes, out,
               [row_bytes](const PieceRows& piece, const std::byte* from, uint64_t rows,
                           std::byte* to) noexcept {
                 for (uint64_t i = 0; i < rows; ++i) {
                   copy_lines(from + static_cast<int64_t>(i) * piece.stride, to + i * row_bytes,
                              row_bytes);
                 }
               });
}

void gather_any(std::span<const Run> runs, const PieceRows* pieces, uint64_t row_bytes,
                std::byte* out) noexcept {
  for_each_run(runs, pieces, row_bytes, row_bytes, out,
               [row_bytes](const PieceRows& piece, const std::byte* from, uint64_t rows,
                           std::byte* to) noexcept {
                 if (piece.stride == static_cast<int64_t>(row_bytes)) {
                   std::memcpy(to, from, rows * row_bytes);
                   return;
                 }
                 for (uint64_t i = 0; i < rows; ++i) {
                   std::memcpy(to + i * row_bytes, from + static_cast<int64_t>(i) * piece.stride,
                               row_bytes);
                 }
               });
}

}  // namespace

void gather(std::span<const Run> runs, const PieceRows* pieces, uint64_t row_bytes,
            std::byte* out) noexcept {
  constexpr uint64_t kMaxInlineBytes = 1024;
  switch (row_bytes) {
    case 1:
      return gather_small<1>(runs, pieces, out);
    case 2:
      return gather_small<2>(runs, pieces, out);
    case 4:
      return gather_small<4>(runs, pieces, out);
    case 8:
      return gather_small<8>(runs, pieces, out);
    case 16:
      return gather_small<16>(runs, pieces, out);
    default:
      break;
  }
  if (row_bytes % kCacheLine == 0 && row_bytes <= kMaxInlineBytes) {
    return gather_lines(runs, pieces, row_bytes, out);
  }
  gather_any(runs, pieces, row_bytes, out);
}

void gather_converted(std::span<const Run> runs, const PieceRows* pieces, uint64_t row_elements,
                      uint64_t out_size, std::byte* out) noexcept {
  const uint64_t out_bytes = row_elements * out_size;
  // Widths differ between pieces; fetching as if rows were as wide as their result is near enough.
  for_each_run(
      runs, pieces, out_bytes, out_bytes, out,
      [=](const PieceRows& piece, const std::byte* from, uint64_t rows, std::byte* to) noexcept {
        const Conversion& conversion = *piece.conversion;
        if (piece.stride == static_cast<int64_t>(row_elements * conversion.from_size())) {
          conversion.apply(from, to, rows * row_elements);
          return;
        }
        for (uint64_t i = 0; i < rows; ++i) {
          conversion.apply(from + static_cast<int64_t>(i) * piece.stride, to + i * out_bytes,
                           row_elements);
        }
      });
}

}  // namespace headrace
