// The limit of the task: the same rows copied by index with software prefetch, and nothing else.
//
// 1. Features (rows x 64 float32) and labels (rows x int64) are allocated as numpy allocates them:
//    malloc, and from 4 MiB on madvise(MADV_HUGEPAGE) from the first page boundary. Contents follow
//    bench/harness/data.py.
// 2. The order is an index array that is shuffled before the clock starts.
// 3. Thread t gathers batches t, t + threads, ... into one batch buffer of its own, again and
// again:
//    no ring, no consumer, no Python.
// 4. A first pass is checked (each row once, every feature) and not timed. Timed passes repeat
// until
//    --min-seconds have gone by. One JSON line is printed.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

constexpr uint64_t kWidth = 64;
constexpr uint64_t kRowBytes = kWidth * sizeof(float);
constexpr uint64_t kCacheLine = 64;
constexpr uint64_t kNumpyHugePageBytes = 1 << 22;

struct Options {
  uint64_t rows = 4'000'000;
  uint64_t batch_size = 1024;
  uint64_t threads = 1;
  uint64_t seed = 0;
  uint64_t distance = 24;  // rows between the prefetch and the copy
  double min_seconds = 1.0;
};

struct FreeDeleter {
  void operator()(void* memory) const noexcept { std::free(memory); }
};
template <typename T>
using Array = std::unique_ptr<T[], FreeDeleter>;

template <typename T>
Array<T> numpy_like_array(uint64_t count) {
  const uint64_t bytes = std::max<uint64_t>(count * sizeof(T), 1);
  auto* memory = static_cast<char*>(std::malloc(bytes));
  if (memory == nullptr) throw std::bad_alloc();
  if (bytes >= kNumpyHugePageBytes) {
    const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    const uint64_t skip = page - reinterpret_cast<uintptr_t>(memory) % page;
    madvise(memory + skip, bytes - skip, MADV_HUGEPAGE);  // advice: a refusal only costs speed
  }
  return Array<T>(reinterpret_cast<T*>(memory));
}

// The feature in `column` of the row whose label is `label`, as bench/harness/data.py has it.
float feature(uint64_t label, uint64_t column) {
  const auto position = static_cast<uint32_t>(label * kWidth + column);
  return static_cast<float>((position * 2654435761U) >> 8);
}

// The final mix of splitmix64, whose sum over all rows is the checksum of a pass.
uint64_t mix(uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

struct Rows {
  explicit Rows(uint64_t count)
      : features(numpy_like_array<float>(count * kWidth)),
        labels(numpy_like_array<int64_t>(count)) {
    for (uint64_t row = 0; row < count; ++row) {
      labels[row] = static_cast<int64_t>(row);
      for (uint64_t column = 0; column < kWidth; ++column) {
        features[row * kWidth + column] = feature(row, column);
      }
    }
  }
  Array<float> features;
  Array<int64_t> labels;
};

// One batch, 64-byte aligned, used again for every batch of its thread.
struct alignas(kCacheLine) BatchBuffer {
  explicit BatchBuffer(uint64_t batch_size)
      : features(static_cast<float*>(aligned(batch_size * kRowBytes))),
        labels(static_cast<int64_t*>(aligned(batch_size * sizeof(int64_t)))) {}

  static void* aligned(uint64_t bytes) {
    void* memory =
        std::aligned_alloc(kCacheLine, (bytes + kCacheLine - 1) / kCacheLine * kCacheLine);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
  }
  Array<float> features;
  Array<int64_t> labels;
};

void prefetch_row(const Rows& rows, uint64_t row) {
  const auto* first = reinterpret_cast<const char*>(&rows.features[row * kWidth]);
  for (uint64_t offset = 0; offset < kRowBytes; offset += kCacheLine) {
    __builtin_prefetch(first + offset, 0, 0);
  }
  // numpy's memory starts 16 bytes into a cache line, so a row ends in one more.
  __builtin_prefetch(first + kRowBytes - 1, 0, 0);
  __builtin_prefetch(&rows.labels[row], 0, 0);
}

void gather(const Rows& rows, std::span<const uint64_t> indices, uint64_t distance,
            BatchBuffer& out) {
  const uint64_t count = indices.size();
  for (uint64_t i = 0; i < std::min(distance, count); ++i) prefetch_row(rows, indices[i]);
  for (uint64_t i = 0; i < count; ++i) {
    if (i + distance < count) prefetch_row(rows, indices[i + distance]);
    std::memcpy(&out.features[i * kWidth], &rows.features[indices[i] * kWidth], kRowBytes);
    out.labels[i] = rows.labels[indices[i]];
  }
}

using Visit = std::function<void(std::span<const uint64_t>, const BatchBuffer&)>;

// Runs one pass on `options.threads` threads and returns its seconds. `visit`, if set, sees every
// batch and needs a single thread.
double run_pass(const Options& options, const Rows& rows, std::span<const uint64_t> order,
                std::vector<BatchBuffer>& buffers, const Visit& visit) {
  const uint64_t batches = (options.rows + options.batch_size - 1) / options.batch_size;
  const uint64_t threads = visit ? 1 : options.threads;
  const auto work = [&](uint64_t thread) {
    for (uint64_t batch = thread; batch < batches; batch += threads) {
      const uint64_t first = batch * options.batch_size;
      const auto indices = order.subspan(first, std::min(options.batch_size, options.rows - first));
      gather(rows, indices, options.distance, buffers[thread]);
      if (visit) visit(indices, buffers[thread]);
    }
  };
  const auto start = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> pool;
    for (uint64_t thread = 1; thread < threads; ++thread) pool.emplace_back(work, thread);
    work(0);
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// The checksum of a pass in which every row came once and every feature was right; else throws.
uint64_t check_pass(const Options& options, const Rows& rows, std::span<const uint64_t> order,
                    std::vector<BatchBuffer>& buffers) {
  std::vector<bool> seen(options.rows, false);
  uint64_t checksum = 0;
  run_pass(options, rows, order, buffers, [&](auto indices, const BatchBuffer& batch) {
    for (uint64_t i = 0; i < indices.size(); ++i) {
      const auto label = static_cast<uint64_t>(batch.labels[i]);
      if (label >= options.rows || seen[label]) throw std::runtime_error("a row came twice");
      seen[label] = true;
      checksum += mix(label);
      for (uint64_t column = 0; column < kWidth; ++column) {
        if (batch.features[i * kWidth + column] != feature(label, column)) {
          throw std::runtime_error("wrong feature in row " + std::to_string(label));
        }
      }
    }
  });
  if (std::find(seen.begin(), seen.end(), false) != seen.end()) {
    throw std::runtime_error("a row is missing");
  }
  return checksum;
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--rows")
      options.rows = std::stoull(argv[i + 1]);
    else if (name == "--batch-size")
      options.batch_size = std::stoull(argv[i + 1]);
    else if (name == "--threads")
      options.threads = std::stoull(argv[i + 1]);
    else if (name == "--seed")
      options.seed = std::stoull(argv[i + 1]);
    else if (name == "--distance")
      options.distance = std::stoull(argv[i + 1]);
    else if (name == "--min-seconds")
      options.min_seconds = std::stod(argv[i + 1]);
    else
      throw std::invalid_argument("unknown option " + std::string(name));
  }
  if (argc % 2 == 0) throw std::invalid_argument("every option takes a value");
  if (options.rows == 0 || options.batch_size == 0 || options.threads == 0) {
    throw std::invalid_argument("--rows, --batch-size and --threads must be at least 1");
  }
  return options;
}

int run(const Options& options) {
  const Rows rows(options.rows);
  std::vector<uint64_t> order(options.rows);
  std::iota(order.begin(), order.end(), uint64_t{0});
  std::mt19937_64 generator(options.seed);
  std::shuffle(order.begin(), order.end(), generator);
  std::vector<BatchBuffer> buffers;
  for (uint64_t thread = 0; thread < options.threads; ++thread) {
    buffers.emplace_back(options.batch_size);
  }

  const uint64_t checksum = check_pass(options, rows, order, buffers);
  double seconds = 0;
  uint64_t passes = 0;
  do {
    std::shuffle(order.begin(), order.end(), generator);
    seconds += run_pass(options, rows, order, buffers, nullptr);
    ++passes;
  } while (seconds < options.min_seconds);
  std::printf("{\"rows\": %llu, \"passes\": %llu, \"seconds\": %.9f, \"checksum\": %llu}\n",
              static_cast<unsigned long long>(options.rows),
              static_cast<unsigned long long>(passes), seconds,
              static_cast<unsigned long long>(checksum));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(parse(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bare_gather: %s\n", error.what());
    return 1;
  }
}
