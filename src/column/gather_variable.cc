#include "column/gather_variable.h"

#include <algorithm>
#include <cstring>

namespace headrace {
namespace {

// Runs between the one that is read and the one that is prefetched: enough to hide a cache miss
// behind short rows.
constexpr size_t kAhead = 16;

// Of a row's elements so much is prefetched; the hardware sees the rest coming.
constexpr uint64_t kPrefetchedBytes = 256;
constexpr uint64_t kLineBytes = 64;

void prefetch_bytes(const std::byte* from, uint64_t bytes) noexcept {
  const uint64_t wanted = std::min(bytes, kPrefetchedBytes);
  for (uint64_t at = 0; at < wanted; at += kLineBytes) {
    __builtin_prefetch(from + at);
  }
}

}  // namespace

BadOffsets load_ranges(std::span<const VariableRun> runs, std::span<ElementRange> ranges) noexcept {
  for (size_t r = 0; r < runs.size(); ++r) {
    if (r + kAhead < runs.size() && runs[r + kAhead].column->offsets != nullptr) {
      const VariableRun& ahead = runs[r + kAhead];
      __builtin_prefetch(ahead.column->offsets + ahead.first * ahead.column->offset_size);
    }
    const VariableRun& run = runs[r];
    const ColumnView& column = *run.column;
    if (column.offsets == nullptr) {
      continue;
    }
    int64_t begin = offset_at(column, run.first);
    for (uint32_t i = 0; i < run.count; ++i) {
      const int64_t end = offset_at(column, run.first + i + 1);
      if (begin < 0 || end < begin || static_cast<uint64_t>(end) > column.elements) {
        return {.found = true, .run = r, .row = i, .begin = begin, .end = end};
      }
      ranges[run.out + i] = {static_cast<uint64_t>(begin), static_cast<uint64_t>(end)};
      begin = end;
    }
  }
  return {};
}

void gather_elements(std::span<const VariableRun> runs, std::span<const ElementRange> ranges,
                     ColumnPart part, uint64_t size, const int64_t* offsets,
                     std::byte* out) noexcept {
  for (size_t r = 0; r < runs.size(); ++r) {
    if (r + kAhead < runs.size() && runs[r + kAhead].column->offsets != nullptr) {
      const ElementRange& first = ranges[runs[r + kAhead].out];
      prefetch_bytes(part_of(*runs[r + kAhead].column, part) + first.begin * size,
                     first.size() * size);
    }
    const VariableRun& run = runs[r];
    if (run.column->offsets == nullptr) {
      continue;
    }
    const std::byte* from = part_of(*run.column, part);
    // Rows of a run lie one after another, since they share their offsets: they are one copy.
    const ElementRange& first = ranges[run.out];
    const ElementRange& last = ranges[run.out + run.count - 1];
    if (const uint64_t elements = last.end - first.begin; elements > 0) {
      std::memcpy(out + static_cast<uint64_t>(offsets[run.out]) * size, from + first.begin * size,
                  elements * size);
    }
  }
}

}  // namespace headrace
