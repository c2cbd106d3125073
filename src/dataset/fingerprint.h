#pragma once

#include <cstdint>

#include "dataset/dataset.h"

namespace headrace {

// What a fingerprint takes for a row of a shard whose hash a manifest says.
enum class FingerprintOf : uint8_t {
  kPlaces,  // that hash and the row's place there (row_identity.h), without a look at the row
  kValues,  // the row, as of all others: the same as where it lies in memory
};

// XXH3-64 over the schema, the number of rows and 64 rows at fixed places, as they are before
// layouts: tells whether two datasets are likely the same. Of a row that is a whole file it takes
// its size and its first 64 KiB, and not its time or its name: a copy is the same data. Reads the
// rows. Throws as Reader::read.
uint64_t fingerprint(const DatasetPtr& shown, FingerprintOf of = FingerprintOf::kPlaces);

}  // namespace headrace
