#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dataset/dataset.h"

namespace headrace {

// What row `row` of `column` is, as words to hash, without a look at its values: for rows of shards
// whose hashes a manifest says. That hash, the row's place in the shard, and what becomes of it on
// the way to a batch; so it is the same for a directory and for its copy in a store. Nothing for
// rows that lie elsewhere. Requires: row < dataset.rows(); the column is the dataset's, without a
// layout.
std::optional<std::vector<uint64_t>> row_identity(const Dataset& dataset,
                                                  const DatasetColumn& column, uint64_t row);

}  // namespace headrace
