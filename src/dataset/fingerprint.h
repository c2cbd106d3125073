#pragma once

#include <cstdint>

#include "dataset/dataset.h"

namespace headrace {

// XXH3-64 over the schema, the number of rows and 64 rows at fixed places, as they are before
// layouts: tells whether two datasets are likely the same. Of a row that is a whole file its size
// and its first 64 KiB stand for it, and not its time or its name: a copy is the same data. Reads
// those rows. Throws as Reader::read.
uint64_t fingerprint(const DatasetPtr& shown);

}  // namespace headrace
