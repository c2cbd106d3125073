// Nanoseconds per index of Permutation and of Order, 1,024 positions at a time, as a batch of a
// pass has them; and one at a time. 10^9 lies in the upper half of its power of two (few retries);
// 2^30 + 1 is the worst case (on average one value in two is encrypted again).
#include "order/permutation.h"

#include <array>
#include <cstdint>
#include <memory>
#include <numeric>
#include <vector>

#include <benchmark/benchmark.h>

#include "order/order.h"

namespace {

using headrace::Order;
using headrace::Permutation;
using headrace::Shuffle;

constexpr uint64_t kBatch = 1024;
constexpr uint64_t kKey = 0x5eed;
constexpr int64_t kLikelySize = 1'000'000'000;
constexpr int64_t kWorstSize = (int64_t{1} << 30) + 1;

void count_indices(benchmark::State& state, uint64_t per_iteration) {
  const auto indices = static_cast<double>(state.iterations()) * static_cast<double>(per_iteration);
  state.counters["ns_per_index"] =
      benchmark::Counter(indices * 1e-9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

uint64_t size_of(const benchmark::State& state) { return static_cast<uint64_t>(state.range(0)); }

void batch_map(benchmark::State& state) {
  const Permutation permutation(size_of(state), kKey);
  std::array<uint64_t, kBatch> indices;
  uint64_t first = 0;
  for (auto _ : state) {
    std::iota(indices.begin(), indices.end(), first);
    permutation.map(indices);
    benchmark::DoNotOptimize(indices.data());
    benchmark::ClobberMemory();
    first = (first + kBatch) % (permutation.size() - kBatch);
  }
  count_indices(state, kBatch);
}

void single_index(benchmark::State& state) {
  const Permutation permutation(size_of(state), kKey);
  uint64_t index = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(permutation(index));
    if (++index == permutation.size()) index = 0;
  }
  count_indices(state, 1);
}

void single_inverse(benchmark::State& state) {
  const Permutation permutation(size_of(state), kKey);
  uint64_t value = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(permutation.inverse(value));
    if (++value == permutation.size()) value = 0;
  }
  count_indices(state, 1);
}

void construct(benchmark::State& state) {
  uint64_t key = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(Permutation(size_of(state), key++));
  }
  count_indices(state, 1);
}

void take(benchmark::State& state, const Shuffle& shuffle) {
  const Order order(size_of(state), shuffle, {.seed = 1, .epoch = 2});
  Order::Workspace space;
  std::array<uint64_t, kBatch> rows;
  uint64_t first = 0;
  for (auto _ : state) {
    order.take(first, 1, rows, space);
    benchmark::DoNotOptimize(rows.data());
    benchmark::ClobberMemory();
    first = (first + kBatch) % (order.rows() - kBatch);
  }
  count_indices(state, kBatch);
}

// Shards of 80,000 to 120,000 rows, 10^9 in all.
Shuffle shards(uint64_t window, uint64_t lanes) {
  std::vector<uint64_t> rows(10'000);
  for (uint64_t shard = 0; shard < rows.size(); ++shard) {
    rows[shard] = 80'000 + shard * 7919 % 40'001;
  }
  rows.back() += kLikelySize - std::accumulate(rows.begin(), rows.end(), uint64_t{0});
  return {.kind = Shuffle::Kind::kShards,
          .window = window,
          .lanes = lanes,
          .units = std::make_shared<const headrace::UnitTable>(rows)};
}

// Starting an epoch over so many shards.
void start_shards(benchmark::State& state) {
  const std::vector<uint64_t> rows(size_of(state), 1000);
  const Shuffle shuffle{.kind = Shuffle::Kind::kShards,
                        .window = 16,
                        .lanes = 8,
                        .units = std::make_shared<const headrace::UnitTable>(rows)};
  uint64_t epoch = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(Order(shuffle.units->rows(), shuffle, {.seed = 1, .epoch = ++epoch}));
  }
  count_indices(state, size_of(state));
}

BENCHMARK(batch_map)->Arg(kLikelySize)->Arg(kWorstSize);
BENCHMARK(single_index)->Arg(kLikelySize)->Arg(kWorstSize);
BENCHMARK(single_inverse)->Arg(kLikelySize)->Arg(kWorstSize);
BENCHMARK(construct)->Arg(kLikelySize);
BENCHMARK_CAPTURE(take, exact, Shuffle{.kind = Shuffle::Kind::kExact})->Arg(kLikelySize);
BENCHMARK_CAPTURE(take, blocks_of_256_window_256,
                  Shuffle{.kind = Shuffle::Kind::kBlocks, .block_rows = 256, .window = 256})
    ->Arg(kLikelySize);
BENCHMARK_CAPTURE(take, blocks_of_1024_window_64,
                  Shuffle{.kind = Shuffle::Kind::kBlocks, .block_rows = 1024, .window = 64})
    ->Arg(kLikelySize);
BENCHMARK_CAPTURE(take, blocks_of_65536_window_16,
                  Shuffle{.kind = Shuffle::Kind::kBlocks, .block_rows = 65'536, .window = 16})
    ->Arg(kLikelySize);
BENCHMARK_CAPTURE(take, shards_window_16, shards(16, 1))->Arg(kLikelySize);
BENCHMARK_CAPTURE(take, shards_window_16_lanes_8, shards(16, 8))->Arg(kLikelySize);
BENCHMARK(start_shards)->Arg(10'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
