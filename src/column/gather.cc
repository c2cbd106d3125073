#include "column/gather.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

namespace headrace {
namespace {

constexpr uint64_t kCacheLine = 64;
// Runs go in chunks: one chunk is fetched while the one before it is copied. Measured: chunks of 16
// rows of 5 lines are as fast as the best loop written for these rows; 8 take 1.4 times as long, 32
// take 1.2 times.
constexpr uint64_t kLinesPerChunk = 80;
constexpr uint64_t kMinChunk = 4;
constexpr uint64_t kMaxChunk = 64;
constexpr uint64_t kMaxLinesPerRow = 16;    // the hardware's own prefetcher follows longer rows
constexpr uint64_t kMaxInlineBytes = 1024;  // beyond that a call costs little
constexpr uint64_t kLongRun = 16;           // rows; a call for them costs less than a loop
// The same where rows are converted between prefetches. Measured: rows of 6 lines that are
// standardised take 1.3 times as long with 13 as with 24 rows.
constexpr uint64_t kLinesPerConvertedChunk = 144;

// `count` of `runs` from `start` on, or as many as there are.
inline std::span<const Run> part_of(std::span<const Run> runs, size_t start,
                                    size_t count) noexcept {
  const size_t first = std::min(start, runs.size());
  return runs.subspan(first, std::min(count, runs.size() - first));
}

inline const std::byte* row_at(const PieceRows& piece, uint64_t row) noexcept {
  return piece.rows + static_cast<int64_t>(row) * piece.stride;
}

}  // namespace

void Footprint::include(const PieceRows& piece, uint64_t piece_row_bytes) noexcept {
  const uint64_t both =
      reinterpret_cast<uintptr_t>(piece.rows) | static_cast<uint64_t>(piece.stride);
  const uint64_t aligned = uint64_t{1} << std::countr_zero(both | kCacheLine);
  alignment = row_bytes == 0 ? aligned : std::min(alignment, aligned);
  row_bytes = std::max(row_bytes, piece_row_bytes);
}

void GatherColumn::set_footprint(const Footprint& stored) noexcept {
  const uint64_t row_bytes = std::max<uint64_t>(1, stored.row_bytes);
  // The worst place for a row to start in its first line is the last one that it may.
  const uint64_t lines = (kCacheLine - stored.alignment + row_bytes + kCacheLine - 1) / kCacheLine;
  cache_lines_ = std::min(lines, kMaxLinesPerRow);
  last_offset_ = std::min(row_bytes - 1, (cache_lines_ - 1) * kCacheLine);
}

GatherColumn GatherColumn::copied(const PieceRows* pieces, uint64_t row_bytes, std::byte* out,
                                  uint64_t alignment) noexcept {
  GatherColumn column;
  column.pieces_ = pieces;
  column.out_ = out;
  column.row_bytes_ = row_bytes;
  column.row_elements_ = 0;
  column.set_footprint({row_bytes, alignment});
  switch (row_bytes) {
    case 1:
      column.kind_ = Kind::kWord1;
      break;
    case 2:
      column.kind_ = Kind::kWord2;
      break;
    case 4:
      column.kind_ = Kind::kWord4;
      break;
    case 8:
      column.kind_ = Kind::kWord8;
      break;
    case 16:
      column.kind_ = Kind::kWord16;
      break;
    default:
      column.kind_ =
          row_bytes % kCacheLine == 0 && row_bytes <= kMaxInlineBytes ? Kind::kLines : Kind::kBytes;
  }
  return column;
}

GatherColumn GatherColumn::converted(const PieceRows* pieces, uint64_t row_elements,
                                     uint64_t out_size, std::byte* out,
                                     const Footprint& stored) noexcept {
  GatherColumn column;
  column.pieces_ = pieces;
  column.out_ = out;
  column.row_bytes_ = row_elements * out_size;
  column.row_elements_ = row_elements;
  column.set_footprint(stored);
  column.kind_ = Kind::kConverted;
  return column;
}

// Unrolled: as a loop over the lines it took a quarter longer for the whole gather.
template <size_t... line>
inline void GatherColumn::prefetch_lines(std::span<const Run> runs,
                                         std::index_sequence<line...> /*lines*/) const noexcept {
  for (const Run& run : runs) {
    const std::byte* row = row_at(pieces_[run.piece], run.first);
    (__builtin_prefetch(row + line * kCacheLine), ...);
    __builtin_prefetch(row + last_offset_);
  }
  // g++ drops calls of functions that do nothing but prefetch.
  asm volatile("" ::: "memory");
}

// The member function for each number of lines before the last, by that number.
template <size_t... lines>
constexpr std::array<GatherColumn::Prefetch, sizeof...(lines)> GatherColumn::prefetches(
    std::index_sequence<lines...> /*all*/) noexcept {
  return {[](const GatherColumn& column, std::span<const Run> runs) noexcept {
    column.prefetch_lines(runs, std::make_index_sequence<lines>());
  }...};
}

void GatherColumn::prefetch(std::span<const Run> runs) const noexcept {
  static constexpr auto kPrefetches = prefetches(std::make_index_sequence<kMaxLinesPerRow>());
  kPrefetches[cache_lines_ - 1](*this, runs);
}

// Calls copy_run(piece, source, run, target) for each run.
template <typename CopyRun>
inline void GatherColumn::for_each(std::span<const Run> runs,
                                   const CopyRun& copy_run) const noexcept {
  for (const Run& run : runs) {
    const PieceRows& piece = pieces_[run.piece];
    copy_run(piece, row_at(piece, run.first), uint64_t{run.count}, out_ + run.out * row_bytes_);
  }
}

template <uint64_t row_bytes>
inline void GatherColumn::copy_words(std::span<const Run> runs) const noexcept {
  for_each(runs, [](const PieceRows& piece, const std::byte* from, uint64_t rows, std::byte* to) {
    for (uint64_t i = 0; i < rows; ++i) {
      std::memcpy(to + i * row_bytes, from + static_cast<int64_t>(i) * piece.stride, row_bytes);
    }
  });
}

// Whole cache lines, copied in place rather than by a call.
void GatherColumn::copy_lines(std::span<const Run> runs) const noexcept {
  for_each(runs, [bytes = row_bytes_](const PieceRows& piece, const std::byte* from, uint64_t rows,
                                      std::byte* to) {
    for (uint64_t i = 0; i < rows; ++i) {
      const std::byte* source = from + static_cast<int64_t>(i) * piece.stride;
      for (uint64_t at = 0; at < bytes; at += kCacheLine) {
        std::memcpy(to + i * bytes + at, source + at, kCacheLine);
      }
    }
  });
}

void GatherColumn::copy_bytes(std::span<const Run> runs) const noexcept {
  for_each(runs, [bytes = row_bytes_](const PieceRows& piece, const std::byte* from, uint64_t rows,
                                      std::byte* to) {
    if (piece.stride == static_cast<int64_t>(bytes)) {
      std::memcpy(to, from, rows * bytes);
      return;
    }
    for (uint64_t i = 0; i < rows; ++i) {
      std::memcpy(to + i * bytes, from + static_cast<int64_t>(i) * piece.stride, bytes);
    }
  });
}

void GatherColumn::convert(std::span<const Run> runs) const noexcept {
  for_each(runs,
           [this](const PieceRows& piece, const std::byte* from, uint64_t rows, std::byte* to) {
             const Conversion& conversion = *piece.conversion;
             if (piece.stride == static_cast<int64_t>(row_elements_ * conversion.from_size())) {
               conversion.apply(from, to, rows * row_elements_);
               return;
             }
             for (uint64_t i = 0; i < rows; ++i) {
               conversion.apply(from + static_cast<int64_t>(i) * piece.stride, to + i * row_bytes_,
                                row_elements_);
             }
           });
}

// The conversion of all runs, if they are single rows that share one.
const Conversion* GatherColumn::shared_conversion(std::span<const Run> runs) const noexcept {
  const Conversion* shared = runs.empty() ? nullptr : pieces_[runs.front().piece].conversion;
  const bool is_shared = std::all_of(runs.begin(), runs.end(), [&](const Run& run) {
    return run.count == 1 && pieces_[run.piece].conversion == shared;
  });
  return is_shared ? shared : nullptr;
}

// Memory is waited for while the prefetches of a chunk go out, and a copy is too short to matter. A
// conversion is not: with a prefetch before each row it takes time that would be waited.
void GatherColumn::prefetch_and_convert(std::span<const Run> ahead,
                                        std::span<const Run> runs) const noexcept {
  if (kind_ != Kind::kConverted) {
    return prefetch(ahead);
  }
  const Conversion* conversion = shared_conversion(runs);
  if (conversion == nullptr) {
    prefetch(ahead);
    return convert(runs);
  }
  std::array<RowPair, kMaxChunk> rows;
  for (size_t i = 0; i < runs.size(); ++i) {
    const std::byte* from = row_at(pieces_[runs[i].piece], runs[i].first);
    const bool is_last = i >= ahead.size();
    rows[i] = {.from = from,
               .to = out_ + runs[i].out * row_bytes_,
               .ahead = is_last ? from : row_at(pieces_[ahead[i].piece], ahead[i].first)};
  }
  conversion->apply(std::span(rows).first(runs.size()), row_elements_,
                    {.lines = cache_lines_, .last_offset = last_offset_});
}

void GatherColumn::copy(std::span<const Run> runs) const noexcept {
  // Asked once a chunk: the loops over single rows are slower with a call in them.
  if (kind_ != Kind::kConverted && !runs.empty() &&
      std::max(runs.front().count, runs.back().count) >= kLongRun) {
    return copy_bytes(runs);
  }
  switch (kind_) {
    case Kind::kWord1:
      return copy_words<1>(runs);
    case Kind::kWord2:
      return copy_words<2>(runs);
    case Kind::kWord4:
      return copy_words<4>(runs);
    case Kind::kWord8:
      return copy_words<8>(runs);
    case Kind::kWord16:
      return copy_words<16>(runs);
    case Kind::kLines:
      return copy_lines(runs);
    case Kind::kBytes:
      return copy_bytes(runs);
    case Kind::kConverted:
      return;  // by prefetch_and_convert
  }
}

void gather(std::span<const Run> runs, std::span<const GatherColumn> columns) noexcept {
  uint64_t lines = 0;
  uint64_t lines_per_chunk = kLinesPerChunk;
  for (const GatherColumn& column : columns) {
    lines += column.cache_lines_;
    if (column.kind_ == GatherColumn::Kind::kConverted) {
      lines_per_chunk = kLinesPerConvertedChunk;
    }
  }
  const size_t chunk =
      std::clamp(lines_per_chunk / std::max<uint64_t>(1, lines), kMinChunk, kMaxChunk);
  for (size_t start = 0; start < runs.size() + chunk; start += chunk) {
    const auto ahead = part_of(runs, start, chunk);
    const auto here = start > 0 ? part_of(runs, start - chunk, chunk) : ahead.first(0);
    for (const GatherColumn& column : columns) {
      column.prefetch_and_convert(ahead, here);
    }
    for (const GatherColumn& column : columns) {
      column.copy(here);
    }
  }
}

}  // namespace headrace
