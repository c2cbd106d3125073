// Rows of 1 to 4,096 bytes gathered in random order, 1,024 at a time into one reused batch: from
// 256 KiB of rows, which stay in the cache, and from 1 GiB on huge pages, which do not. The batch
// of 4,096-byte rows has 4 MiB and leaves the second-level cache by itself. Then windows: runs of
// 1,025 rows, beside a loop of memcpy over the same runs.
#include "column/gather.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <sys/mman.h>
#include <vector>

#include <benchmark/benchmark.h>

#include "order/permutation.h"

namespace {

using headrace::PieceRows;
using headrace::Run;

constexpr uint64_t kBatch = 1024;
constexpr uint64_t kHugePage = uint64_t{1} << 21;
constexpr uint64_t kLargeBytes = uint64_t{1} << 30;
constexpr uint64_t kSmallBytes = uint64_t{1} << 18;
// Enough distinct cache lines (128 MiB) that even 1-byte rows miss a last-level cache.
constexpr uint64_t kMostRuns = uint64_t{1} << 21;

struct FreeDeleter {
  void operator()(std::byte* memory) const noexcept { std::free(memory); }
};
using Bytes = std::unique_ptr<std::byte[], FreeDeleter>;

// `bytes` bytes on huge pages where the kernel grants them, each byte given by its offset.
Bytes patterned_memory(uint64_t bytes) {
  Bytes memory(static_cast<std::byte*>(std::aligned_alloc(kHugePage, bytes)));
  if (memory == nullptr) throw std::bad_alloc();
  madvise(memory.get(), bytes, MADV_HUGEPAGE);
  auto* words = reinterpret_cast<uint64_t*>(memory.get());
  for (uint64_t i = 0; i < bytes / sizeof(uint64_t); ++i) words[i] = i * 0x9e3779b97f4a7c15;
  return memory;
}

// Batches of single-row runs in random order; a whole number of batches.
std::vector<Run> random_runs(uint64_t rows) {
  const headrace::Permutation permutation(rows, /*key=*/1);
  std::vector<Run> runs(std::clamp(rows / kBatch * kBatch, kBatch, kMostRuns));
  for (uint64_t i = 0; i < runs.size(); ++i) {
    runs[i] = {.first = permutation(i % rows),
               .piece = 0,
               .count = 1,
               .out = static_cast<uint32_t>(i % kBatch)};
  }
  return runs;
}

void gather_rows(benchmark::State& state, std::span<const std::byte> memory, uint64_t row_bytes) {
  const std::vector<Run> runs = random_runs(memory.size() / row_bytes);
  const PieceRows piece{.rows = memory.data(), .stride = static_cast<int64_t>(row_bytes)};
  std::vector<std::byte> out(kBatch * row_bytes);
  uint64_t first = 0;
  uint64_t last = 0;
  for (auto _ : state) {
    const auto column = headrace::GatherColumn::copied(&piece, row_bytes, out.data());
    headrace::gather(std::span(runs).subspan(first, kBatch), {&column, 1});
    benchmark::ClobberMemory();
    last = first;
    first = (first + kBatch) % runs.size();
  }
  for (uint64_t i = 0; i < kBatch; ++i) {
    const std::byte* expected = memory.data() + runs[last + i].first * row_bytes;
    if (std::memcmp(expected, out.data() + i * row_bytes, row_bytes) != 0) {
      state.SkipWithError("the gathered rows are wrong");
      return;
    }
  }
  const auto rows = static_cast<double>(state.iterations()) * static_cast<double>(kBatch);
  state.counters["ns_per_row"] =
      benchmark::Counter(rows * 1e-9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(kBatch * row_bytes));
}

// Windows of 1,025 numbers, 64 to a batch, in random order, gathered or copied one by one.
void gather_windows(benchmark::State& state, std::span<const std::byte> memory, uint64_t row_bytes,
                    bool by_memcpy) {
  constexpr uint32_t kLength = 1025;
  constexpr uint64_t kWindows = 64;
  std::vector<Run> runs = random_runs(memory.size() / (kLength - 1) / row_bytes - 1);
  for (uint64_t i = 0; i < runs.size(); ++i) {
    runs[i].first *= kLength - 1;
    runs[i].count = kLength;
    runs[i].out = static_cast<uint32_t>(i % kWindows) * kLength;
  }
  const PieceRows piece{.rows = memory.data(), .stride = static_cast<int64_t>(row_bytes)};
  std::vector<std::byte> out(kWindows * kLength * row_bytes);
  uint64_t first = 0;
  for (auto _ : state) {
    const auto batch = std::span(runs).subspan(first, kWindows);
    if (by_memcpy) {
      for (const Run& run : batch) {
        std::memcpy(out.data() + run.out * row_bytes, piece.rows + run.first * row_bytes,
                    kLength * row_bytes);
      }
    } else {
      const auto column = headrace::GatherColumn::copied(&piece, row_bytes, out.data());
      headrace::gather(batch, {&column, 1});
    }
    benchmark::ClobberMemory();
    first = (first + kWindows) % runs.size();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(out.size()));
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  const Bytes memory = patterned_memory(kLargeBytes);
  for (const uint64_t row_bytes : {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096}) {
    for (const uint64_t bytes : {kSmallBytes, kLargeBytes}) {
      const std::string name = std::string(bytes == kSmallBytes ? "in_cache" : "out_of_cache") +
                               "/row_bytes:" + std::to_string(row_bytes);
      benchmark::RegisterBenchmark(name.c_str(), [&memory, bytes, row_bytes](auto& state) {
        gather_rows(state, std::span(memory.get(), bytes), row_bytes);
      });
    }
  }
  for (const uint64_t row_bytes : {1, 2, 4, 8, 64}) {
    for (const uint64_t bytes : {kSmallBytes, kLargeBytes}) {
      for (const bool by_memcpy : {false, true}) {
        const std::string name = std::string(by_memcpy ? "memcpy_" : "") + "windows_" +
                                 (bytes == kSmallBytes ? "in_cache" : "out_of_cache") +
                                 "/row_bytes:" + std::to_string(row_bytes);
        benchmark::RegisterBenchmark(
            name.c_str(), [&memory, bytes, row_bytes, by_memcpy](auto& state) {
              gather_windows(state, std::span(memory.get(), bytes), row_bytes, by_memcpy);
            });
      }
    }
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
