#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "column/elementwise.h"

namespace headrace {

// A stretch of consecutive rows of one piece and the place that they take in a batch.
struct Run {
  uint64_t first;  // row of the piece
  uint32_t piece;
  uint32_t count;
  uint32_t out;  // row of the batch
};

// Where the rows of one column of one piece lie: row i starts at `rows + i * stride`.
// A stride may be zero or negative, as in numpy; rows need no alignment.
struct PieceRows {
  const std::byte* rows = nullptr;
  int64_t stride = 0;
  const Conversion* conversion = nullptr;  // for GatherColumn::converted only
};

// What is known of the stored rows of a column. It decides what is prefetched and never the result;
// the default suits rows of which nothing is known.
struct Footprint {
  uint64_t row_bytes = 0;  // the longest, among the pieces; 0 = unknown
  uint64_t alignment = 1;  // a power of two that divides the address of every row, at most 64

  // Widens to the rows of another piece.
  void include(const PieceRows& piece, uint64_t piece_row_bytes) noexcept;
};

// One column of a gather: from where to where.
class GatherColumn {
 public:
  // Rows of `row_bytes` bytes, copied as they are.
  static GatherColumn copied(const PieceRows* pieces, uint64_t row_bytes, std::byte* out,
                             uint64_t alignment = 1) noexcept;

  // Rows of `row_elements` elements, each piece converted by its own conversion to elements of
  // `out_size` bytes.
  static GatherColumn converted(const PieceRows* pieces, uint64_t row_elements, uint64_t out_size,
                                std::byte* out, const Footprint& stored = {}) noexcept;

 private:
  friend void gather(std::span<const Run> runs, std::span<const GatherColumn> columns) noexcept;

  enum class Kind : uint8_t { kWord1, kWord2, kWord4, kWord8, kWord16, kLines, kBytes, kConverted };

  using Prefetch = void (*)(const GatherColumn& column, std::span<const Run> runs) noexcept;

  void set_footprint(const Footprint& stored) noexcept;
  void prefetch(std::span<const Run> runs) const noexcept;
  template <size_t... line>
  void prefetch_lines(std::span<const Run> runs, std::index_sequence<line...> lines) const noexcept;
  template <size_t... lines>
  static constexpr std::array<Prefetch, sizeof...(lines)> prefetches(
      std::index_sequence<lines...> all) noexcept;
  void copy(std::span<const Run> runs) const noexcept;
  template <typename CopyRun>
  void for_each(std::span<const Run> runs, const CopyRun& copy_run) const noexcept;
  template <uint64_t row_bytes>
  void copy_words(std::span<const Run> runs) const noexcept;
  void copy_lines(std::span<const Run> runs) const noexcept;
  void copy_bytes(std::span<const Run> runs) const noexcept;
  void convert(std::span<const Run> runs) const noexcept;
  const Conversion* shared_conversion(std::span<const Run> runs) const noexcept;
  void prefetch_and_convert(std::span<const Run> ahead, std::span<const Run> runs) const noexcept;

  const PieceRows* pieces_;  // by number of the piece
  std::byte* out_;
  uint64_t row_bytes_;     // of a row of the batch
  uint64_t row_elements_;  // kConverted only
  uint64_t cache_lines_;   // that a row may touch, as far as they are prefetched
  uint64_t last_offset_;   // a byte of the row in the last of them
  Kind kind_;
};

// Copies the rows of `runs` to the batch, for all columns in one pass. Rows ahead are prefetched:
// random rows of a large array cost a cache miss each, and only overlapping the misses reaches the
// memory's bandwidth. One pass, since the misses of one column then hide behind those of another.
// Touches mapped bytes: call it inside guarded(). Requires: the pieces of every run are set.
void gather(std::span<const Run> runs, std::span<const GatherColumn> columns) noexcept;

}  // namespace headrace
