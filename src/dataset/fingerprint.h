#pragma once

#include <cstdint>

#include "dataset/dataset.h"

namespace headrace {

// XXH3-64 over the schema, the number of rows and 64 rows at fixed places, as they are before
// layouts: tells whether two datasets are likely the same. Reads those rows. Throws as
// Reader::read.
uint64_t fingerprint(const DatasetPtr& shown);

}  // namespace headrace
