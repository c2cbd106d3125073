#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/loader.h"
#include "engine/pass.h"
#include "order/order.h"

// What the tests of the engine share: options, ways of walking a pass, and what it must give.
namespace headrace {

inline LoaderOptions options_of(uint64_t batch_size,
                                Shuffle::Kind kind = Shuffle::Kind::kSequential,
                                uint64_t num_threads = 2) {
  LoaderOptions options;
  options.split.batch_size = batch_size;
  options.shuffle = {.kind = kind,
                     .block_rows = kind == Shuffle::Kind::kBlocks ? 8U : 0U,
                     .window = kind == Shuffle::Kind::kBlocks ? 3U : 0U};
  options.seed = 7;
  options.num_threads = num_threads;
  return options;
}

// The next batch, however long it takes; false at the end.
inline bool next_batch(Pass& pass, Batch& batch) {
  Pass::Next next = Pass::Next::kWait;
  while (next == Pass::Next::kWait) {
    next = pass.next(batch, std::chrono::milliseconds(1000));
  }
  return next == Pass::Next::kBatch;
}

// Column 0 of a batch, an int64 column.
inline std::vector<uint64_t> ids(const Batch& batch) {
  std::vector<uint64_t> values(batch.rows);
  std::memcpy(values.data(), batch.columns.front().data(ColumnPart::kValues),
              values.size() * sizeof(uint64_t));
  return values;
}

using Batches = std::vector<std::vector<uint64_t>>;

// The ids of all batches that are left.
inline Batches drain(Pass& pass) {
  Batches batches;
  Batch batch;
  while (next_batch(pass, batch)) {
    batches.push_back(ids(batch));
  }
  return batches;
}

// What a pass over rows whose id is their number must give: by the definition of the order and of a
// batch, without repeats.
inline Batches expected_batches(uint64_t rows, const LoaderOptions& options, uint64_t epoch,
                                uint64_t position) {
  std::vector<uint64_t> order(rows);
  Order::Workspace space;
  Order(rows, options.shuffle, {options.seed, epoch}).take(0, 1, order, space);
  const Plan::Split& split = options.split;
  Batches batches;
  for (uint64_t begin = position; begin < rows; begin += split.batch_size * split.world_size) {
    std::vector<uint64_t> batch;
    for (uint64_t at = begin; at < std::min(rows, begin + split.batch_size * split.world_size);
         ++at) {
      if (at % split.world_size == split.rank) {
        batch.push_back(order[at]);
      }
    }
    if (!batch.empty()) {
      batches.push_back(std::move(batch));
    }
  }
  return batches;
}

// The threads of this process that the engine started.
inline std::vector<std::filesystem::path> engine_threads() {
  std::vector<std::filesystem::path> threads;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(entry.path() / "comm"), name);
    if (name == "headrace") {
      threads.push_back(entry.path());
    }
  }
  return threads;
}

// Whether all of them sleep.
inline bool engine_threads_sleep() {
  const auto threads = engine_threads();
  return std::all_of(threads.begin(), threads.end(), [](const std::filesystem::path& thread) {
    std::ifstream file(thread / "stat");
    const std::string stat{std::istreambuf_iterator<char>(file), {}};
    const size_t name_end = stat.rfind(") ");  // behind it stands the state
    return name_end == std::string::npos || stat[name_end + 2] == 'S';
  });
}

// The kernel takes a moment to forget a thread that was joined.
inline bool engine_threads_end() {
  for (int i = 0; i < 500; ++i) {
    if (engine_threads().empty()) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace headrace
