#pragma once

#include <cstdint>

#include "base/hash.h"

namespace headrace {

// What a derived key is for. Part of the order's definition: values never change.
enum class Purpose : uint64_t {
  kRows = 1,         // the exact shuffle
  kUnits = 2,        // the line of units of a window shuffle
  kRowsOfUnit = 3,   // the rows inside one unit
  kRowsOfStage = 4,  // the rows of one stage
  kSplit = 5,        // which rows a split picks
  kSplitByFile = 6,  // which files a split picks
};

// Seed and epoch of a pass. Keys hash the tuple, never the sum: epoch 1 of seed 0 is not epoch 0 of
// seed 1.
struct OrderKey {
  uint64_t seed = 0;
  uint64_t epoch = 0;

  uint64_t derive(Purpose purpose, uint64_t number = 0) const noexcept {
    return hash_words({seed, epoch, static_cast<uint64_t>(purpose), number});
  }
};

}  // namespace headrace
